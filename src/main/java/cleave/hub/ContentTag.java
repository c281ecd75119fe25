package cleave.hub;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/// The names that the hub gives to contents: SHA-256 of a large file's bytes, and of a small one
/// what git calls it, SHA-1 of `blob`, its size and its bytes.
final class ContentTag {
    private static final int GIT = 40; // hexadecimal digits

    private ContentTag() {}

    /// The tag of a file's content.
    ///
    /// @param digits 40 for git's, 64 for SHA-256
    static String of(Path file, int digits) throws IOException {
        if (digits != GIT) {
            return Sha256.of(file);
        }
        MessageDigest digest = sha1();
        String head = "blob " + Files.size(file) + "\0";
        digest.update(head.getBytes(StandardCharsets.US_ASCII));
        byte[] buffer = new byte[1 << 16];
        try (InputStream in = Files.newInputStream(file)) {
            for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                digest.update(buffer, 0, n);
            }
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    private static MessageDigest sha1() {
        try {
            return MessageDigest.getInstance("SHA-1");
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException("every JDK has SHA-1", impossible);
        }
    }
}
