import Engine
import Foundation
import NIOCore
import NIOHTTP1

/// `POST /classify` with one text; anything else is 404, which also serves as a sign of life.
final class ClassifyHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private struct Request: Decodable { let text: String }
    private struct Answer: Encodable {
        let intent: String
        let confidence: Float
    }

    private let queue: WindowQueue
    private let tokenizer: MessageTokenizer
    private let labels: [String]
    private var isClassify = false
    private var body = ByteBuffer()

    init(queue: WindowQueue, tokenizer: MessageTokenizer, labels: [String]) {
        self.queue = queue
        self.tokenizer = tokenizer
        self.labels = labels
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            isClassify = head.method == .POST && head.uri == "/classify"
            body.clear()
        case .body(var part): body.writeBuffer(&part)
        case .end: classify(context.channel)
        }
    }

    private func classify(_ channel: any Channel) {
        guard isClassify else { return Self.write(.notFound, Data(), channel) }
        guard let request = try? JSONDecoder().decode(Request.self, from: Data(body.readableBytesView)),
            let message = try? tokenizer.tokenize(request.text)
        else { return Self.write(.badRequest, Data(), channel) }
        let labels = labels
        let accepted = queue.add(message) { result in
            // The load test compares answers byte for byte.
            let encoder = JSONEncoder()
            encoder.outputFormatting = .sortedKeys
            let answer = (try? result.get()).flatMap {
                try? encoder.encode(Answer(intent: labels[$0.best], confidence: $0.confidence))
            }
            channel.eventLoop.execute {
                Self.write(answer == nil ? .internalServerError : .ok, answer ?? Data(), channel)
            }
        }
        if !accepted { Self.write(.serviceUnavailable, Data(), channel) }
    }

    private static func write(_ status: HTTPResponseStatus, _ body: Data, _ channel: any Channel) {
        let headers: HTTPHeaders = ["content-type": "application/json", "content-length": "\(body.count)"]
        channel.write(
            HTTPServerResponsePart.head(HTTPResponseHead(version: .http1_1, status: status, headers: headers)),
            promise: nil)
        channel.write(HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(bytes: body))), promise: nil)
        channel.writeAndFlush(HTTPServerResponsePart.end(nil), promise: nil)
    }
}
