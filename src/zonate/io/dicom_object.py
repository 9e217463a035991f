"""The start of a DICOM object that no library builds: patient and study of the source, a new series, the equipment."""

from highdicom import SOPClass
from pydicom.uid import UID

from zonate.io.dicom_output import equipment, long_string, making, new_uid
from zonate.io.source import UTF_8, SourceImages


def new_object(
    source: SourceImages,
    *,
    sop_class_uid: UID,
    transfer_syntax_uid: UID,
    modality: str,
    series_number: int,
    description: str,
) -> SOPClass:
    """An object in a new series of the source's study, to which the modules of its own class are still to be added.

    Args:
        source: Whose patient and study it belongs to; without a patient, so is the object.
        sop_class_uid: What it is.
        transfer_syntax_uid: How it is encoded.
        modality: Of the series.
        series_number: Of the series.
        description: Of the series, 64 characters at most.
    """
    with making():
        made = SOPClass(
            study_instance_uid=str(source.header.StudyInstanceUID),
            series_instance_uid=new_uid(),
            series_number=series_number,
            sop_instance_uid=new_uid(),
            sop_class_uid=sop_class_uid,
            instance_number=1,
            modality=modality,
            transfer_syntax_uid=transfer_syntax_uid,
            specific_character_set=UTF_8,
            series_description=long_string(description),
            **equipment(),
        )
        made.copy_patient_and_study_information(source.header)
    return made
