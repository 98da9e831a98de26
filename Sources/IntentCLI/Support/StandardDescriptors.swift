import Glibc

/// The three file descriptors that a program starts with.
enum StandardDescriptors {
    /// Takes those that the caller closed, so that no model file or connection gets their numbers and is read for
    /// standard input or written for an error. They lead to /dev/null the wrong way round: using one is an error.
    static func occupy() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) == -1 {
            // The lowest number that is free, which is this one.
            _ = open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY)
        }
    }
}
