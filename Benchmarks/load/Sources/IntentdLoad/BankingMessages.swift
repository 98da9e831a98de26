/// Messages to send: sentences about banking made from templates, as long as customers' are. No data set is used.
enum BankingMessages {
    private static let templates = [
        "Where is my {card}?",
        "My {card} has not arrived after {time}, what should I do?",
        "I ordered a {card} {time} ago and it is still not here. Can you track it for me please?",
        "How do I activate my {card}?",
        "I want to change the PIN of my {card}",
        "my {card} was declined {place}",
        "Why was I charged a fee {place} with my {card}?",
        "There is a payment of {amount} on my account that I do not recognise, how can I dispute it?",
        "I was charged {amount} twice {place}",
        "The transfer of {amount} has been pending for {time}, is something wrong?",
        "How long does a transfer to {country} take?",
        "Can I top up with a {card} from another bank?",
        "My top up of {amount} failed, but the money has left my other account",
        "What exchange rate do you use for purchases in {country}?",
        "I lost my {card} {place}, please block it",
        "I think somebody stole my {card} {time} ago and used it for {amount}",
        "I need a refund of {amount} for something that I bought {place}",
        "Do you support cards in {country}?",
        "Is there a limit on how much cash I can take out in {country}? I will need about {amount}",
        "The machine {place} kept my {card} and gave me no money, and it says that I took {amount}",
        "How do I verify my identity?",
        "Please close my account",
        "I forgot my passcode",
        "Can my daughter get a {card} too?",
    ]
    private static let words: [(String, [String])] = [
        ("{card}", ["card", "new card", "virtual card", "replacement card"]),
        ("{time}", ["a week", "three days", "almost a month"]),
        ("{place}", ["at a petrol station", "online", "in a shop abroad", "at the cash machine"]),
        ("{amount}", ["20 pounds", "1,250 euros", "$99.90"]),
        ("{country}", ["Spain", "the United States", "Japan"]),
    ]

    /// The sentences of each template, in a fixed order.
    private static let sentences: [[String]] = templates.map { template in
        words.reduce([template]) { sentences, choice in
            sentences.flatMap { sentence -> [String] in
                sentence.contains(choice.0)
                    ? choice.1.map { sentence.replacing(choice.0, with: $0) } : [sentence]
            }
        }
    }

    /// Every sentence that the templates give.
    static let all: [String] = sentences.flatMap { $0 }

    /// The `n`th message of an endless repeatable mixture: each template is as likely as any other, which gives 14.7
    /// tokens on average (Banking77's training messages have 15.0).
    static func message(_ number: Int) -> String {
        // A multiplicative hash spreads consecutive numbers over templates and, with other bits, over their sentences.
        let hash = UInt64(number + 1) &* 0x9e37_79b9_7f4a_7c15
        let mixed = (hash ^ (hash >> 29)) &* 0xbf58_476d_1ce4_e5b9
        let choices = sentences[Int((mixed >> 40) % UInt64(sentences.count))]
        return choices[Int(((mixed >> 8) & 0xffff_ffff) % UInt64(choices.count))]
    }
}
