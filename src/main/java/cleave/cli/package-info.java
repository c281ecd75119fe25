/// The commands of `cleave`: one class per subcommand, each of which reads its arguments, calls the
/// packages below and prints. What a command computes does not belong here.
@org.jspecify.annotations.NullMarked
package cleave.cli;
