/// A binary heap that gives the largest element first.
struct MaximumHeap<Element: Comparable> {
    private var elements: [Element] = []

    /// Adds an element before ``arrange()``.
    mutating func append(_ element: Element) { elements.append(element) }

    /// Puts appended elements in order, in linear time.
    mutating func arrange() {
        var index = elements.count / 2
        while index > 0 {
            index -= 1
            siftDown(index)
        }
    }

    mutating func push(_ element: Element) {
        elements.append(element)
        var index = elements.count - 1
        while index > 0 {
            let parent = (index - 1) / 2
            guard elements[parent] < element else { break }
            elements[index] = elements[parent]
            index = parent
        }
        elements[index] = element
    }

    mutating func popMaximum() -> Element? {
        guard let last = elements.popLast() else { return nil }
        guard let top = elements.first else { return last }
        elements[0] = last
        siftDown(0)
        return top
    }

    private mutating func siftDown(_ start: Int) {
        let element = elements[start]
        var index = start
        while true {
            var child = index * 2 + 1
            guard child < elements.count else { break }
            if child + 1 < elements.count, elements[child] < elements[child + 1] { child += 1 }
            guard element < elements[child] else { break }
            elements[index] = elements[child]
            index = child
        }
        elements[index] = element
    }
}
