"""What is measured on a segmentation: diameters, ADC, PSA density, sectors, uncertainty."""
