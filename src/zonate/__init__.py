"""Zonate: from a multi-parametric prostate MRI study to its anatomical zones."""
