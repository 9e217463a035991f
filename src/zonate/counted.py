"""A number and what it counts, as a sentence says it."""


def counted(number: int, noun: str) -> str:
    """Such as `1 patient`, `2 patients`, `0 patients`.

    Args:
        number: How many.
        noun: One of them; its plural ends in -s.
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"
