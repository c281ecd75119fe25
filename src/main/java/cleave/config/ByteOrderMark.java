package cleave.config;

/// The invisible character U+FEFF with which some editors begin a UTF-8 file. It is no part of the
/// text.
public final class ByteOrderMark {
    private static final char MARK = '\uFEFF';

    private ByteOrderMark() {}

    /// The text of a file, or its first line, without the mark.
    public static String cut(String text) {
        return !text.isEmpty() && text.charAt(0) == MARK ? text.substring(1) : text;
    }
}
