"""The report of a case: one content, as a web page and as a PDF that say the same."""
