"""DWI and ADC onto the T2W grid."""
