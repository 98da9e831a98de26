@testable import Engine
import Foundation
import FoundationXML
import Testing
@testable import IntentCLI

struct EvaluationReportTests {
    private let report = ReportFixture.report()

    @Test func countsAnswersAbstentionsAndStrangers() {
        #expect(report.rows == 6 && report.correct == 4)
        #expect(report.abstention.answered == 4)
        #expect(report.abstention.accuracy == 0.75)
        #expect(report.outOfScope?.rows == 2 && report.outOfScope?.abstained == 1)
        #expect(report.truncatedMessages == 1)
        #expect(report.file == "test <1>.csv")
        #expect(report.throughput.messagesPerSecond == 16 && report.throughput.tokensPerMessage == 10)
    }

    @Test func comparesPrecisions() {
        var changed = ReportFixture.predictions
        changed[0] = ReportFixture.prediction(2, 0.6)
        changed[6] = ReportFixture.prediction(1, 0.4)
        let agreement = PrecisionAgreement(
            ReportFixture.run(precision: .nf4, predictions: changed), baseline: ReportFixture.run(precision: .f32),
            truths: ReportFixture.rows.map(\.truth))
        #expect(agreement.precision == "nf4")
        #expect(agreement.agreement == 0.75)
        #expect(abs(agreement.accuracyDifferencePoints + 100.0 / 6) < 1e-9)
        #expect(abs(agreement.largestProbabilityDifference - 0.7) < 1e-6)
    }

    @Test func theJSONHoldsTheFigures() throws {
        let object = try JSONSerialization.jsonObject(with: report.json()) as? [String: Any]
        let json = try #require(object)
        #expect(json["rows"] as? Int == 6)
        // Foundation's reader may miss a number's last bit.
        func near(_ value: Any?, _ expected: Double) -> Bool {
            (value as? Double).map { abs($0 - expected) < 1e-12 } ?? false
        }
        #expect(near(json["macro_f1"], report.macroF1))
        #expect(near((json["accuracy_interval"] as? [String: Any])?["lower"], report.accuracyInterval.lower))
        #expect((json["calibration_bins"] as? [Any])?.count == 15)
        #expect((json["latency_ms"] as? [String: Any])?["p50"] as? Double == 9)
        #expect((json["precisions"] as? [[String: Any]])?.map { $0["precision"] as? String } == ["f32", "int8"])
        #expect((json["model"] as? [String: Any])?["layers"] as? Int == 12)
    }

    @Test func thePageIsWellFormedAndSelfContained() throws {
        let page = HTMLReport(report: report).page
        // As XML it is stricter than HTML asks for.
        let xml = page.replacingOccurrences(of: "<!doctype html>", with: "")
            .replacingOccurrences(of: "<meta charset=\"utf-8\">", with: "")
            .replacingOccurrences(
                of: "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">", with: "")
        let parser = XMLParser(data: Data(xml.utf8))
        #expect(parser.parse(), "\(String(describing: parser.parserError)) in line \(parser.lineNumber)")
        for outside in ["http://", "https://", "<script", "<link", "url(", "@import"] {
            #expect(!page.contains(outside))
        }
        #expect(page.contains("&lt;b&gt;odd &amp; &quot;label&quot;&lt;/b&gt;"))
        #expect(page.contains("test &lt;1&gt;.csv"))
        #expect(page.contains("66.67 %"))
        #expect(!page.contains("nan") && !page.contains("inf\""))
    }

    @Test func thePageStandsWithoutOptionalParts() {
        let bare = EvaluationReport(
            file: "f.csv", rows: [.init(line: 2, text: "x", truth: 0)],
            run: ReportFixture.run(predictions: [ReportFixture.prediction(0, 1)]), threshold: 0, latency: nil,
            precisions: [])
        let page = HTMLReport(report: bare).page
        #expect(page.contains("100.00 %"))
        #expect(!page.contains("Top confusions") && !page.contains("Alone, median"))
        #expect(!page.contains("nan"))
        #expect("\(EvaluationSummary(report: bare))".contains("accuracy            100.00 %"))
    }

    @Test func theSummarySaysTheMainFigures() {
        let summary = "\(EvaluationSummary(report: report))"
        #expect(summary.contains("accuracy            66.67 % (95 %: "))
        #expect(summary.contains("answered            66.67 %, of these right 75.00 % (threshold 0.500)"))
        #expect(summary.contains("out of scope        abstained on 1 of 2, 50.00 %"))
        #expect(summary.contains("alone = in a batch  yes, bit for bit"))
        #expect(summary.contains("int8                agrees with f32 on 100.00 %, accuracy 0.00 points"))
    }
}
