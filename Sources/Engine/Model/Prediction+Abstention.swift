extension Prediction {
    /// True if the model should say that it does not know: its best probability is below `threshold`, or the message
    /// does not look like what it was trained on.
    /// - Parameter threshold: usually `ModelDescription.defaultThreshold`.
    public func abstains(below threshold: Float) -> Bool { isOutOfScope || confidence < threshold }
}
