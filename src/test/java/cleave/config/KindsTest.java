package cleave.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.List;
import org.junit.jupiter.api.Test;

class KindsTest {
    /// An open set with two kinds of its own.
    @Open(core = {Circle.class, Square.class})
    interface Figure {}

    record Circle(double radius) implements Figure {}

    record Square(double side) implements Figure {}

    @Name("hexagon")
    @Formerly("six")
    record Honey(@AtLeast(0) @Default("1.0") double side) implements Figure {}

    record Stack(List<Figure> figures) implements Figure {}

    /// An open set without any.
    interface Empty {}

    record Thing(int size) implements Empty {}

    /// A sealed set with an open part.
    sealed interface Mixed {
        record Fixed(int a) implements Mixed {}

        non-sealed interface Free extends Mixed {}
    }

    record Own(int b) implements Mixed.Free {}

    record Drawing(Figure figure) {}

    private static final Kinds MORE = Kinds.core().with(Honey.class).with(Stack.class);

    /// What `META-INF/services` of the tests adds.
    public static final class Provided implements OwnKinds {
        /// An open set that only the service fills.
        @Open
        interface Sound {}

        record Beep(int hertz) implements Sound {}

        record Alarm(Sound sound) {}

        @Override
        public List<Class<? extends Record>> kinds() {
            return List.of(Beep.class);
        }
    }

    @Test
    void anOpenInterfaceHasItsCoreKindsWithoutAnyAddition() {
        assertThat(read("figure: {kind: circle, radius: 2}", Kinds.core()))
                .isEqualTo(new Drawing(new Circle(2)));
        assertThatExceptionOfType(InvalidConfig.class)
                .isThrownBy(() -> read("figure: {kind: hexagon}", Kinds.core()))
                .withMessage("f:1 figure.kind must be one of circle, square, got \"hexagon\"");
    }

    @Test
    void anAddedKindIsReadWrittenAndListedLikeTheOthers() {
        Drawing drawing = new Drawing(new Stack(List.of(new Honey(1), new Square(3))));

        assertThat(
                        read(
                                "figure: {kind: stack, figures: [{kind: six}, {kind: square, side: 3}]}",
                                MORE))
                .isEqualTo(drawing);
        assertThat(YamlTree.write(Binder.toTree(drawing, MORE)))
                .isEqualTo(
                        """
                        figure:
                          kind: stack
                          figures:
                            - kind: hexagon
                              side: 1.0
                            - kind: square
                              side: 3.0
                        """);
        assertThat(Keys.of(Drawing.class, MORE))
                .filteredOn(key -> key.path().equals("figure"))
                .singleElement()
                .satisfies(key ->
                        assertThat(key.allowed())
                                .containsExactly("circle", "square", "hexagon", "stack"));
        assertThatExceptionOfType(InvalidConfig.class)
                .isThrownBy(() -> read("figure: {kind: hexagn}", MORE))
                .withMessage(
                        """
                        f:1 figure.kind must be one of circle, square, hexagon, stack, got "hexagn"
                          hint: did you mean hexagon?\
                        """);
    }

    @Test
    void anInterfaceIsBindableOnceItHasAKind() {
        record Box(Empty content) {}

        assertThatIllegalStateException()
                .isThrownBy(() -> Binder.read("f", "content: {kind: thing}", List.of(), Box.class))
                .withMessage("a configuration cannot hold " + Empty.class.getName());
        assertThat(
                        Binder.read(
                                "f",
                                "content: {kind: thing, size: 4}",
                                List.of(),
                                Box.class,
                                Kinds.core().with(Thing.class),
                                _ -> {}))
                .isEqualTo(new Box(new Thing(4)));
    }

    @Test
    void anOpenPartOfASealedInterfaceTakesKinds() {
        record Box(Mixed content) {}
        Kinds kinds = Kinds.core().with(Own.class);

        assertThat(
                        Binder.read(
                                "f",
                                "content: {kind: own, b: 4}",
                                List.of(),
                                Box.class,
                                kinds,
                                _ -> {}))
                .isEqualTo(new Box(new Own(4)));
    }

    @Test
    void whatAServiceAddsIsThereWithoutACall() {
        Provided.Alarm alarm =
                Binder.read(
                        "f", "sound: {kind: beep, hertz: 440}", List.of(), Provided.Alarm.class);

        assertThat(alarm.sound()).isEqualTo(new Provided.Beep(440));
        assertThat(YamlTree.write(Binder.toTree(alarm))).contains("kind: beep");
    }

    @Test
    void addingChangesNoOtherKinds() {
        Kinds before = Kinds.core();
        before.with(Honey.class);

        assertThat(before.of(Figure.class)).containsExactly(Circle.class, Square.class);
    }

    @Test
    void twoKindsOfOneNameAreAMistakeOfTheProgram() {
        record Six() implements Figure {}
        record Box(Figure figure) {}

        assertThatIllegalStateException()
                .isThrownBy(() -> Keys.of(Box.class, MORE.with(Six.class)))
                .withMessageEndingWith("Figure must differ, got six twice");
        assertThat(Keys.of(Drawing.class, MORE.with(Honey.class)))
                .isEqualTo(Keys.of(Drawing.class, MORE));
    }

    private static Drawing read(String text, Kinds kinds) {
        return Binder.read("f", text, List.of(), Drawing.class, kinds, _ -> {});
    }
}
