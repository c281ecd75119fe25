package cleave.report;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.zip.CRC32;
import java.util.zip.Deflater;

/// Small pictures, one pixel for a value: red, green, blue, opacity.
final class Png {
    private static final byte[] SIGNATURE = {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};

    private Png() {}

    /// A picture as the address of an image.
    ///
    /// @param rgba row by row, `0xRRGGBBAA`
    static String address(int width, int height, int... rgba) {
        ByteArrayOutputStream file = new ByteArrayOutputStream();
        file.writeBytes(SIGNATURE);
        ByteBuffer header = ByteBuffer.allocate(13).putInt(width).putInt(height);
        header.put((byte) 8).put((byte) 6).put((byte) 0).put((byte) 0).put((byte) 0);
        chunk(file, "IHDR", header.array());
        ByteBuffer rows = ByteBuffer.allocate(height * (1 + 4 * width));
        for (int y = 0; y < height; y++) {
            rows.put((byte) 0); // no filter
            for (int x = 0; x < width; x++) {
                rows.putInt(rgba[y * width + x]);
            }
        }
        chunk(file, "IDAT", deflated(rows.array()));
        chunk(file, "IEND");
        return "data:image/png;base64," + Base64.getEncoder().encodeToString(file.toByteArray());
    }

    private static void chunk(ByteArrayOutputStream file, String type, byte... data) {
        byte[] name = type.getBytes(StandardCharsets.US_ASCII);
        CRC32 sum = new CRC32();
        sum.update(name);
        sum.update(data);
        file.writeBytes(ByteBuffer.allocate(4).putInt(data.length).array());
        file.writeBytes(name);
        file.writeBytes(data);
        file.writeBytes(ByteBuffer.allocate(4).putInt((int) sum.getValue()).array());
    }

    private static byte[] deflated(byte... data) {
        ByteArrayOutputStream packed = new ByteArrayOutputStream();
        byte[] buffer = new byte[4096];
        try (Deflater deflater = new Deflater(Deflater.BEST_COMPRESSION)) {
            deflater.setInput(data);
            deflater.finish();
            while (!deflater.finished()) {
                packed.write(buffer, 0, deflater.deflate(buffer));
            }
        }
        return packed.toByteArray();
    }
}
