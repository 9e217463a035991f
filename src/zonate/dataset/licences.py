"""What the licences of data sets allow of what is learnt from them."""

import re

_NON_COMMERCIAL = re.compile(r"\bNC\b|non-?\s?commercial|\bresearch\b|academic|educational", re.IGNORECASE)
_OPEN = re.compile(r"^(CC0|CC[ -]BY|Apache|MIT|BSD|ODC|PDDL|public domain)", re.IGNORECASE)


def restriction(licence: str) -> str | None:
    """Why a model that learnt from data of a licence may not be used freely.

    Args:
        licence: As the data set's page names it, such as `CC BY-NC 4.0`.

    Returns:
        A few words; None where the licence is known to allow commercial use.
    """
    if _NON_COMMERCIAL.search(licence):
        return "non-commercial use only"
    return None if _OPEN.match(licence.strip()) else "terms not known to allow commercial use"
