package cleave.hub;

import java.util.Arrays;
import java.util.Map;
import java.util.Optional;

/// How a GGUF file stores the numbers of a tensor: in blocks of so many numbers, each of so many
/// bytes. The quantised kinds give back `float32` numbers with the same operations in the same
/// order as the `gguf` package of Python, and therefore the same bits.
///
/// Half precision numbers called `d`, `m` or `dmin` scale and shift a block. The kinds that end in
/// `_K` have blocks of 256 numbers, in groups of 16 or 32 with small scales of their own.
enum GgufType {
    /// Single precision.
    F32(0, 1, 4) {
        @Override
        void decode(byte[] in, int at, float[] out, int to) {
            out[to] =
                    Float.intBitsToFloat(
                            (in[at] & 0xff)
                                    | (in[at + 1] & 0xff) << 8
                                    | (in[at + 2] & 0xff) << 16
                                    | in[at + 3] << 24);
        }
    },
    /// Half precision.
    F16(1, 1, 2) {
        @Override
        void decode(byte[] in, int at, float[] out, int to) {
            out[to] = half(in, at);
        }
    },
    /// The upper half of a single precision number.
    BF16(30, 1, 2) {
        @Override
        void decode(byte[] in, int at, float[] out, int to) {
            out[to] = Float.intBitsToFloat((in[at] & 0xff) << 16 | in[at + 1] << 24);
        }
    },
    /// `d (q - 8)` of 4 bits.
    Q4_0(2, 32, 18) {
        @Override
        void decode(byte[] in, int at, float[] out, int to) {
            float d = half(in, at);
            for (int i = 0; i < 16; i++) {
                int q = in[at + 2 + i];
                out[to + i] = d * ((q & 15) - 8);
                out[to + i + 16] = d * ((q >> 4 & 15) - 8);
            }
        }
    },
    /// `d q + m` of 4 bits.
    Q4_1(3, 32, 20) {
        @Override
        void decode(byte[] in, int at, float[] out, int to) {
            float d = half(in, at);
            float m = half(in, at + 2);
            for (int i = 0; i < 16; i++) {
                int q = in[at + 4 + i];
                out[to + i] = d * (q & 15) + m;
                out[to + i + 16] = d * (q >> 4 & 15) + m;
            }
        }
    },
    /// `d (q - 16)` of 5 bits, the fifth of each in a word of its own.
    Q5_0(6, 32, 22) {
        @Override
        void decode(byte[] in, int at, float[] out, int to) {
            float d = half(in, at);
            int high = word(in, at + 2);
            for (int i = 0; i < 16; i++) {
                int q = in[at + 6 + i];
                out[to + i] = d * (((q & 15) | (((high >> i) & 1) << 4)) - 16);
                out[to + i + 16] = d * ((((q >> 4) & 15) | (((high >> (i + 16)) & 1) << 4)) - 16);
            }
        }
    },
    /// `d q + m` of 5 bits, the fifth of each in a word of its own.
    Q5_1(7, 32, 24) {
        @Override
        void decode(byte[] in, int at, float[] out, int to) {
            float d = half(in, at);
            float m = half(in, at + 2);
            int high = word(in, at + 4);
            for (int i = 0; i < 16; i++) {
                int q = in[at + 8 + i];
                out[to + i] = d * ((q & 15) | (((high >> i) & 1) << 4)) + m;
                out[to + i + 16] = d * (((q >> 4) & 15) | (((high >> (i + 16)) & 1) << 4)) + m;
            }
        }
    },
    /// `d q` of 8 bits with a sign.
    Q8_0(8, 32, 34) {
        @Override
        void decode(byte[] in, int at, float[] out, int to) {
            float d = half(in, at);
            for (int i = 0; i < 32; i++) {
                out[to + i] = in[at + 2 + i] * d;
            }
        }
    },
    /// `d scale q - dmin shift` of 2 bits, in groups of 16.
    Q2_K(10, 256, 84) {
        @Override
        void decode(byte[] in, int at, float[] out, int to) {
            float d = half(in, at + 80);
            float dmin = half(in, at + 82);
            for (int group = 0; group < 16; group++) {
                int packed = in[at + group];
                float scale = d * (packed & 15);
                float shift = dmin * (packed >> 4 & 15);
                int from = at + 16 + twoBits(group);
                int bits = 2 * (group % 8 / 2);
                for (int i = 0; i < 16; i++) {
                    out[to + 16 * group + i] = scale * (in[from + i] >> bits & 3) - shift;
                }
            }
        }
    },
    /// `d scale q` of 3 bits with a sign, in groups of 16; a set high bit means that 4 is not taken
    /// off.
    Q3_K(11, 256, 110) {
        @Override
        void decode(byte[] in, int at, float[] out, int to) {
            float d = half(in, at + 108);
            for (int group = 0; group < 16; group++) {
                int low = (in[at + 96 + group % 8] >> (4 * (group / 8))) & 15;
                int high = (in[at + 104 + group % 4] >> (2 * (group / 4))) & 3;
                float scale = d * ((low | high << 4) - 32);
                int from = at + 32 + twoBits(group);
                int bits = 2 * (group % 8 / 2);
                int mask = at + 16 * (group % 2);
                for (int i = 0; i < 16; i++) {
                    int unset = ~(in[mask + i] >> (group / 2)) & 1;
                    out[to + 16 * group + i] = scale * ((in[from + i] >> bits & 3) - (unset << 2));
                }
            }
        }
    },
    /// `d scale q - dmin shift` of 4 bits, in groups of 32.
    Q4_K(12, 256, 144) {
        @Override
        void decode(byte[] in, int at, float[] out, int to) {
            float d = half(in, at);
            float dmin = half(in, at + 2);
            for (int group = 0; group < 8; group++) {
                float scale = d * scale(in, at + 4, group);
                float shift = dmin * shift(in, at + 4, group);
                int from = at + 16 + 32 * (group / 2);
                int bits = 4 * (group % 2);
                for (int i = 0; i < 32; i++) {
                    out[to + 32 * group + i] = scale * (in[from + i] >> bits & 15) - shift;
                }
            }
        }
    },
    /// `d scale q - dmin shift` of 5 bits, in groups of 32.
    Q5_K(13, 256, 176) {
        @Override
        void decode(byte[] in, int at, float[] out, int to) {
            float d = half(in, at);
            float dmin = half(in, at + 2);
            for (int group = 0; group < 8; group++) {
                float scale = d * scale(in, at + 4, group);
                float shift = dmin * shift(in, at + 4, group);
                int from = at + 48 + 32 * (group / 2);
                int bits = 4 * (group % 2);
                for (int i = 0; i < 32; i++) {
                    int q = ((in[from + i] >> bits) & 15) | (((in[at + 16 + i] >> group) & 1) << 4);
                    out[to + 32 * group + i] = scale * q - shift;
                }
            }
        }
    },
    /// `d scale (q - 32)` of 6 bits, in groups of 16.
    Q6_K(14, 256, 210) {
        @Override
        void decode(byte[] in, int at, float[] out, int to) {
            float d = half(in, at + 208);
            for (int group = 0; group < 16; group++) {
                float scale = d * in[at + 192 + group];
                int low = at + 64 * (group / 8) + 16 * (group % 4);
                int lowBits = 4 * (group % 8 / 4);
                int high = at + 128 + 32 * (group / 8) + 16 * (group % 2);
                int highBits = 2 * (group % 8 / 2);
                for (int i = 0; i < 16; i++) {
                    int q =
                            ((in[low + i] >> lowBits) & 15)
                                    | (((in[high + i] >> highBits) & 3) << 4);
                    out[to + 16 * group + i] = scale * (q - 32);
                }
            }
        }
    };

    /// The numbers of kinds that are not read, for messages.
    private static final Map<Integer, String> OTHERS =
            Map.ofEntries(
                    Map.entry(9, "Q8_1"),
                    Map.entry(15, "Q8_K"),
                    Map.entry(16, "IQ2_XXS"),
                    Map.entry(17, "IQ2_XS"),
                    Map.entry(18, "IQ3_XXS"),
                    Map.entry(19, "IQ1_S"),
                    Map.entry(20, "IQ4_NL"),
                    Map.entry(21, "IQ3_S"),
                    Map.entry(22, "IQ2_S"),
                    Map.entry(23, "IQ4_XS"),
                    Map.entry(24, "I8"),
                    Map.entry(25, "I16"),
                    Map.entry(26, "I32"),
                    Map.entry(27, "I64"),
                    Map.entry(28, "F64"),
                    Map.entry(29, "IQ1_M"),
                    Map.entry(34, "TQ1_0"),
                    Map.entry(35, "TQ2_0"),
                    Map.entry(39, "MXFP4"));

    private final int number;
    private final int elements;
    private final int bytes;

    GgufType(int number, int elements, int bytes) {
        this.number = number;
        this.elements = elements;
        this.bytes = bytes;
    }

    /// The kind that files give this number; empty when it is none of these.
    static Optional<GgufType> of(int number) {
        return Arrays.stream(values()).filter(type -> type.number == number).findFirst();
    }

    /// The kind of this name; empty when it is none of these.
    static Optional<GgufType> named(String name) {
        return Arrays.stream(values()).filter(type -> type.name().equals(name)).findFirst();
    }

    /// What a kind that is not read is called.
    static String name(int number) {
        String name = OTHERS.get(number);
        return name == null ? "kind " + Integer.toUnsignedString(number) : name;
    }

    /// Numbers of a block.
    int elements() {
        return elements;
    }

    /// Bytes of a block.
    int bytes() {
        return bytes;
    }

    /// Turns a block into numbers.
    ///
    /// @param at the block's first byte of `in`
    /// @param to where its first number goes in `out`
    abstract void decode(byte[] in, int at, float[] out, int to);

    private static float half(byte[] in, int at) {
        return Float.float16ToFloat((short) ((in[at] & 0xff) | (in[at + 1] << 8)));
    }

    private static int word(byte[] in, int at) {
        return (in[at] & 0xff)
                | ((in[at + 1] & 0xff) << 8)
                | ((in[at + 2] & 0xff) << 16)
                | (in[at + 3] << 24);
    }

    /// Where the bytes of a group of 16 begin: 128 numbers share 32 bytes, two bits of each at a
    /// time.
    private static int twoBits(int group) {
        return 32 * (group / 8) + 16 * (group % 2);
    }

    /// The scale of 6 bits of one of eight groups: the last four have their upper two bits beside
    /// the scales of the first four.
    private static int scale(byte[] in, int at, int group) {
        return group < 4
                ? in[at + group] & 63
                : (in[at + 4 + group] & 15) | ((in[at + group - 4] >> 2) & 0x30);
    }

    /// The shift of 6 bits of one of eight groups, packed like the scales.
    private static int shift(byte[] in, int at, int group) {
        return group < 4
                ? in[at + 4 + group] & 63
                : ((in[at + 4 + group] >> 4) & 15) | ((in[at + group] >> 2) & 0x30);
    }
}
