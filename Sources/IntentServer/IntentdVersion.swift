/// The one place that holds this program's version: `intentd --version`, server metadata and metrics read it.
public enum IntentdVersion {
    /// Semantic version (semver.org).
    public static let current = "0.1.0"
}
