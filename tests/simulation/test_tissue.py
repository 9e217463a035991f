from zonate.simulation.tissue import PROPERTIES, Tissue, column, zone_of_tissue
from zonate.zones import Zone


def test_every_tissue_has_properties_and_the_tables_are_in_its_order() -> None:
    assert set(PROPERTIES) == set(Tissue)
    assert column("t2_ms")[Tissue.PERIPHERAL_ZONE] == 149
    assert zone_of_tissue()[Tissue.CENTRAL_ZONE] == Zone.TZ
    assert zone_of_tissue()[Tissue.CANCER_IN_PZ] == Zone.PZ
    assert zone_of_tissue()[Tissue.RECTAL_WALL] == Zone.BACKGROUND


def test_adc_of_muscle_and_urine_are_what_plausibility_is_checked_against() -> None:
    assert column("adc_um2_s")[Tissue.MUSCLE] == 1250
    assert column("adc_um2_s")[Tissue.URINE] == 3000


def test_cancer_is_darker_and_restricts_diffusion_more_than_the_peripheral_zone() -> None:
    cancer, normal = PROPERTIES[Tissue.CANCER_IN_PZ], PROPERTIES[Tissue.PERIPHERAL_ZONE]
    assert cancer.t2_ms < normal.t2_ms
    assert cancer.adc_um2_s < normal.adc_um2_s
