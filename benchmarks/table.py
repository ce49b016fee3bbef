"""The output of benchmarks: a Markdown table, printed line by line."""


def head() -> None:
    row("what", "target", "measured")
    row("---", "---", "---")


def row(what: str, target: str, measured: str) -> None:
    print(f"| {what} | {target} | {measured} |", flush=True)
