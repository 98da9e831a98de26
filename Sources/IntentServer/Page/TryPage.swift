import Crypto
import FoundationEssentials

/// The page at `/`: type a message, see what the model says. Self-contained: no asset comes from anywhere else.
enum TryPage {
    static let html = """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>intentd</title>
        <link rel="icon" href="data:,">
        <style>\(style)</style>
        </head>
        <body>
        \(body)
        <script>\(script)</script>
        </body>
        </html>

        """

    /// Only this page's own style and script run, named by their hashes; only this server is asked.
    static let contentSecurityPolicy = [
        "default-src 'none'", "style-src '\(hash(style))'", "script-src '\(hash(script))'", "connect-src 'self'",
        "img-src data:", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
    ].joined(separator: "; ")

    private static func hash(_ text: String) -> String {
        "sha256-" + Data(SHA256.hash(data: Data(text.utf8))).base64EncodedString()
    }

    private static let body = """
        <main>
        <h1>intentd</h1>
        <p class="lead" id="model">What does a customer want?</p>
        <form id="form">
        <label for="text">Message</label>
        <textarea id="text" rows="3" maxlength="100000" autofocus aria-describedby="hint">My card still \
        has not arrived, what should I do?</textarea>
        <div class="row">
        <p id="hint">Enter sends, Shift and Enter starts a new line.</p>
        <button type="submit" id="send">Classify</button>
        </div>
        </form>
        <section aria-labelledby="answer-title" aria-live="polite" id="answer" hidden>
        <h2 id="answer-title">Answer</h2>
        <p id="verdict"></p>
        <ol id="bars" aria-label="Most probable intents"></ol>
        <dl>
        <div><dt>Confidence</dt><dd id="confidence"></dd></div>
        <div><dt>Latency</dt><dd id="latency"></dd></div>
        <div><dt>Tokens</dt><dd id="tokens"></dd></div>
        <div><dt>Model</dt><dd id="served"></dd></div>
        </dl>
        </section>
        <p id="problem" role="alert"></p>
        <section aria-labelledby="curl-title">
        <h2 id="curl-title">The same from a shell</h2>
        <div class="row">
        <pre tabindex="0" aria-labelledby="curl-title"><code id="curl"></code></pre>
        <button type="button" id="copy">Copy</button>
        </div>
        <p id="copied" role="status"></p>
        </section>
        <footer><a href="/openapi.json">OpenAPI</a> <a href="/labels">Labels</a> <a href="/metrics">Metrics</a></footer>
        </main>
        """

    private static let style = """
        :root { color-scheme: light dark; --ink: #17202a; --soft: #53616e; --paper: #f6f7f9; --card: #fff;
          --line: #c9d1d9; --accent: #0b6e4f; --accent-ink: #fff; --warn: #8a4b00; --bad: #a4161a; }
        @media (prefers-color-scheme: dark) { :root {
          --ink: #e8edf2; --soft: #a9b6c2; --paper: #12171c; --card: #1b222a;
          --line: #3a4652; --accent: #3fbf8f; --accent-ink: #06130d; --warn: #f0b35a; --bad: #ff8a8a; } }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--paper); color: var(--ink);
          font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
        main { max-width: 44rem; margin: 0 auto; padding: 2rem 1.25rem 3rem; }
        h1 { margin: 0; font-size: 1.75rem; }
        h2 { margin: 0 0 .5rem; font-size: 1rem; }
        .lead { margin: .25rem 0 1.5rem; color: var(--soft); }
        label { display: block; font-weight: 600; margin-bottom: .35rem; }
        textarea { width: 100%; padding: .75rem; font: inherit; color: inherit; background: var(--card);
          border: 1px solid var(--line); border-radius: .5rem; resize: vertical; }
        .row { display: flex; gap: .75rem; align-items: flex-start; justify-content: space-between; margin-top: .5rem; }
        #hint { margin: .35rem 0 0; color: var(--soft); font-size: .875rem; }
        button { padding: .55rem 1.1rem; font: inherit; font-weight: 600; color: var(--accent-ink);
          background: var(--accent); border: 1px solid var(--accent); border-radius: .5rem; cursor: pointer; }
        button[disabled] { opacity: .6; cursor: progress; }
        :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
        section { margin-top: 1.5rem; padding: 1.1rem; background: var(--card); border: 1px solid var(--line);
          border-radius: .5rem; }
        #verdict { margin: 0 0 .75rem; font-size: 1.35rem; font-weight: 700; overflow-wrap: anywhere; }
        #verdict.unsure { color: var(--warn); }
        ol { list-style: none; margin: 0; padding: 0; }
        li { display: grid; grid-template-columns: minmax(8rem, 15rem) 1fr 4rem; gap: .75rem; align-items: center;
          padding: .2rem 0; }
        li span { overflow-wrap: anywhere; }
        progress { width: 100%; height: .85rem; border: 0; border-radius: .4rem; background: var(--paper);
          accent-color: var(--accent); overflow: hidden; }
        progress::-webkit-progress-bar { background: var(--paper); }
        progress::-webkit-progress-value { background: var(--accent); }
        progress::-moz-progress-bar { background: var(--accent); }
        .number { text-align: right; font-variant-numeric: tabular-nums; }
        dl { display: flex; flex-wrap: wrap; gap: .5rem 2rem; margin: 1rem 0 0; }
        dt { color: var(--soft); font-size: .875rem; }
        dd { margin: 0; font-variant-numeric: tabular-nums; }
        #problem { color: var(--bad); font-weight: 600; }
        #problem:empty, #copied:empty { display: none; }
        #copied { margin: .5rem 0 0; color: var(--soft); font-size: .875rem; }
        pre { margin: 0; flex: 1; min-width: 0; padding: .6rem; background: var(--paper); border-radius: .4rem;
          white-space: pre-wrap; overflow-wrap: anywhere; font-size: .875rem; }
        footer { margin-top: 1.5rem; display: flex; gap: 1.25rem; }
        a { color: var(--accent); }
        @media (max-width: 30rem) {
          li { grid-template-columns: 1fr 4rem; } li progress { grid-row: 2; grid-column: 1 / 3; } }
        """

    private static let script = #"""
        "use strict";
        const $ = id => document.getElementById(id);
        const percent = value => (value * 100).toFixed(1) + " %";
        const request = () => JSON.stringify({ text: $("text").value, top_k: 5 });

        function showCurl() {
          const quoted = "'" + request().replaceAll("'", "'\\''") + "'";
          $("curl").textContent =
            "curl " + location.origin + "/classify -H 'Content-Type: application/json' -d " + quoted;
        }

        function show(answer, milliseconds) {
          const best = answer.intents[0];
          const unsure = answer.abstained === true;
          $("verdict").textContent = unsure ? "Not sure enough to name an intent" : answer.intent;
          $("verdict").classList.toggle("unsure", unsure);
          $("bars").replaceChildren(...answer.intents.map(entry => {
            const name = document.createElement("span");
            name.textContent = entry.intent;
            const bar = document.createElement("progress");
            bar.max = 1;
            bar.value = entry.confidence;
            bar.setAttribute("aria-hidden", "true");
            const number = document.createElement("span");
            number.className = "number";
            number.textContent = percent(entry.confidence);
            const line = document.createElement("li");
            line.append(name, bar, number);
            return line;
          }));
          $("confidence").textContent = percent(unsure ? best.confidence : answer.confidence);
          $("latency").textContent = milliseconds.toFixed(1) + " ms";
          $("tokens").textContent = answer.tokens + (answer.truncated ? " (the rest was left out)" : "");
          $("served").textContent = answer.model.name + " " + answer.model.version;
          $("answer").hidden = false;
        }

        let newest = 0;

        async function classify() {
          // Answers may overtake each other; only that to the newest request is shown.
          const mine = ++newest;
          $("problem").textContent = "";
          $("send").disabled = true;
          try {
            const started = performance.now();
            const response = await fetch("/classify", {
              method: "POST", headers: { "Content-Type": "application/json" }, body: request() });
            const answer = await response.json();
            const milliseconds = performance.now() - started;
            if (mine !== newest) return;
            if (!response.ok) throw new Error(answer.error.message);
            show(answer, milliseconds);
          } catch (error) {
            if (mine !== newest) return;
            $("answer").hidden = true;
            $("problem").textContent = error instanceof TypeError ? "The server cannot be reached." : error.message;
          } finally {
            if (mine === newest) $("send").disabled = false;
          }
        }

        $("form").addEventListener("submit", event => { event.preventDefault(); classify(); });
        $("text").addEventListener("input", showCurl);
        $("text").addEventListener("keydown", event => {
          if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
            event.preventDefault();
            $("form").requestSubmit();
          }
        });
        $("copy").addEventListener("click", async () => {
          try {
            await navigator.clipboard.writeText($("curl").textContent);
            $("copied").textContent = "Copied.";
          } catch {
            getSelection().selectAllChildren($("curl"));
            $("copied").textContent = "Selected; copy it with Ctrl+C.";
          }
        });
        showCurl();
        """#
}
