package cleave.report;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Base64;
import javax.imageio.ImageIO;
import javax.imageio.stream.MemoryCacheImageOutputStream;

/// Small pictures, one pixel for a value: red, green, blue, opacity.
final class Png {
    private Png() {}

    /// A picture as the address of an image.
    ///
    /// @param rgba row by row, `0xRRGGBBAA`
    static String address(int width, int height, int... rgba) {
        BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_INT_ARGB);
        for (int at = 0; at < width * height; at++) {
            image.setRGB(at % width, at / width, Integer.rotateRight(rgba[at], 8)); // to 0xAARRGGBB
        }
        ByteArrayOutputStream file = new ByteArrayOutputStream();
        try (MemoryCacheImageOutputStream out = new MemoryCacheImageOutputStream(file)) {
            if (!ImageIO.write(image, "png", out)) {
                throw new IllegalStateException("this JDK has no writer of PNG");
            }
        } catch (IOException impossible) {
            throw new UncheckedIOException(impossible);
        }
        return "data:image/png;base64," + Base64.getEncoder().encodeToString(file.toByteArray());
    }
}
