"""What the licences of data sets allow of what is learnt from them."""

import re

_WORD = re.compile(r"[^\W\d_]+|\d+(?:\.\d+)*")
_ELEMENT = re.compile(r"cc|by|nc|sa|nd")
"""Of a Creative Commons licence; pages write them apart, joined by anything, or in one word."""
_SAYS_NOTHING = {"license", "licence", "version", "v", "international", "unported", "universal"}

_NON_COMMERCIAL = re.compile(r"\bnc\b|\bnon ?commercial|\bresearch\b|academic|educational")
_NO_DERIVATIVES = re.compile(r"cc by nd\b")
_OPEN = re.compile(
    r"(cc 0|cc by( sa)?|apache|mit|bsd( \d clause)?|odc (by|pddl|odbl)|odbl|pddl|public domain)( \d+(\.\d+)*)?"
)


def restriction(licence: str) -> str | None:
    """Why a model that learnt from data of a licence may not be used freely.

    Args:
        licence: As the data set's page names it, such as `CC BY-NC 4.0`; how its words are joined does not matter.
            Several, such as of images and of labels, are parted by `;`.

    Returns:
        A few words, of several licences for the one that forbids most; None where each is known to allow commercial
        use.
    """
    licences = [_words(one) for one in licence.split(";") if one.strip()]
    if any(_NON_COMMERCIAL.search(words) for words in licences):
        return "non-commercial use only"
    if any(_NO_DERIVATIVES.match(words) for words in licences):
        return "no derivatives, terms not known to allow a model"
    is_open = bool(licences) and all(_OPEN.fullmatch(words) for words in licences)
    return None if is_open else "terms not known to allow commercial use"


def _words(licence: str) -> str:
    """In lower case with a space between any two words, without those that change nothing: `cc by nc 4.0`."""
    words: list[str] = []
    for word in _WORD.findall(licence.lower()):
        elements = _ELEMENT.findall(word)
        words += elements if "".join(elements) == word else [word]
    return " ".join(word for word in words if word not in _SAYS_NOTHING)
