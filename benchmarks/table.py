"""What the benchmarks print: a table in Markdown, a line as soon as it is known."""


def head() -> None:
    row("what", "wanted", "measured")
    row("---", "---", "---")


def row(what: str, wanted: str, measured: str) -> None:
    print(f"| {what} | {wanted} | {measured} |", flush=True)
