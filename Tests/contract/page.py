"""The page at / in headless Chromium: types a message with the keyboard alone, reads the answer through the
accessibility tree, checks the curl line by running it, and saves a screenshot.

Usage: page.py URL SCREENSHOT [CHROMIUM]
"""

import json
import subprocess
import sys

from playwright.sync_api import expect, sync_playwright

MESSAGE = "I can't find my card, it's \"lost\" \\ gone"


def main():
    url, screenshot = sys.argv[1].rstrip("/"), sys.argv[2]
    chromium = sys.argv[3] if len(sys.argv) > 3 else "/usr/bin/chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 900, "height": 1000})
        outside, complaints = [], []
        page.on("request", lambda request: outside.append(request.url) if not request.url.startswith(url) else None)
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.goto(url)
        expect(page.get_by_label("Message")).to_be_focused()
        page.keyboard.press("Control+A")
        page.keyboard.type(MESSAGE)
        page.keyboard.press("Enter")
        answer = page.get_by_role("region", name="Answer")
        expect(answer).to_be_visible()
        bars = page.get_by_role("list", name="Most probable intents").get_by_role("listitem")
        expect(bars).to_have_count(5)
        expect(page.locator("#latency")).to_contain_text("ms")
        expect(page.locator("#tokens")).not_to_be_empty()

        line = page.locator("#curl").text_content()
        curled = json.loads(subprocess.run(["sh", "-c", line + " -s"], check=True, capture_output=True).stdout)
        shown = page.locator("#verdict").text_content()
        assert shown == curled["intent"] or curled.get("abstained"), (shown, curled)
        assert bars.first.text_content().startswith(curled["intents"][0]["intent"])

        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name="Classify")).to_be_focused()
        page.screenshot(path=screenshot, full_page=True)
        page.get_by_label("Message").fill("qqq zzz blorp")
        page.keyboard.press("Enter")
        expect(answer).to_be_visible()
        page.get_by_label("Message").fill("   ")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_have_text("text is empty")
        expect(answer).to_be_hidden()
        assert not [entry for entry in outside if not entry.startswith("data:")], outside
        complaints = [text for text in complaints if "422" not in text]
        assert not complaints, complaints
        browser.close()
    print("ok: the page answers, by keyboard alone, without anything from outside")


main()
