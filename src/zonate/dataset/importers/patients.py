"""Patients who stand in several public data sets under different names.

Some of PROMISE12's cases are patients of Prostate-3T, of which NCI-ISBI 2013 drew the zones on the same images. These
pairs are known; whether there are more is not. `prepare` finds an image that lies under two names by its voxels, too.
"""

NCI_ISBI_OF_PROMISE12 = {
    "test_Case00": "Prostate3T-01-0021",
    "test_Case01": "Prostate3T-01-0022",
    "test_Case02": "Prostate3T-01-0023",
    "test_Case03": "Prostate3T-01-0024",
    "test_Case04": "Prostate3T-01-0025",
    "test_Case05": "Prostate3T-01-0026",
    "train_Case13": "Prostate3T-01-0001",
    "train_Case14": "Prostate3T-01-0002",
    "train_Case15": "Prostate3T-01-0005",
    "train_Case17": "Prostate3T-01-0007",
    "train_Case18": "Prostate3T-01-0009",
    "train_Case19": "Prostate3T-01-0011",
    "train_Case20": "Prostate3T-01-0014",
    "train_Case21": "Prostate3T-01-0015",
    "train_Case22": "Prostate3T-01-0016",
    "train_Case23": "Prostate3T-01-0017",
    "train_Case24": "Prostate3T-01-0018",
    "train_Case25": "Prostate3T-01-0019",
}
"""From a PROMISE12 case, `train_` or `test_` and the file's name, to the patient's name in NCI-ISBI 2013."""
