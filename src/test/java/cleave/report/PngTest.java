package cleave.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.Base64;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;

class PngTest {
    @Test
    void aPictureKeepsItsColoursAndOpacities() throws IOException {
        String address = Png.address(2, 1, 0xB2182BFF, 0x2166AC40);
        byte[] file = Base64.getDecoder().decode(address.substring(address.indexOf(',') + 1));
        BufferedImage image = ImageIO.read(new ByteArrayInputStream(file));
        assertThat(image.getWidth()).isEqualTo(2);
        assertThat(image.getHeight()).isEqualTo(1);
        assertThat(image.getRGB(0, 0)).isEqualTo(0xFFB2182B);
        assertThat(image.getRGB(1, 0)).isEqualTo(0x402166AC);
    }
}
