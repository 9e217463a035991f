"""DWI and ADC onto the T2W grid."""

from zonate.alignment.align import Alignment, align_to_t2w

__all__ = ["Alignment", "align_to_t2w"]
