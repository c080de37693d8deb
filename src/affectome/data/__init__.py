"""Catalog and Recording: readers, checks and storage."""

from affectome.data.catalog import VALENCE_CLASSES, Catalog, Skipped, cut_valence, read_catalog
from affectome.data.outputs import (
    OutputError,
    check_output,
    check_output_file,
    output_folder,
    result_head,
    to_json,
    write_bytes,
    write_json,
    write_manifest,
    write_table,
    write_text,
)
from affectome.data.pictures import (
    central_square,
    check_picture,
    colour_histogram,
    frequency_spectrum,
    picture_statistics,
    read_picture,
)
from affectome.data.readers import Measurement, as_recording, read_recording
from affectome.data.recording import (
    check_recording,
    load_recording,
    make_recording,
    save_recording,
    trial_table,
    unit_table,
)
from affectome.data.writers import write_bids, write_nifti, write_nwb

__all__ = [
    "VALENCE_CLASSES",
    "Catalog",
    "Measurement",
    "OutputError",
    "Skipped",
    "as_recording",
    "central_square",
    "check_output",
    "check_output_file",
    "check_picture",
    "check_recording",
    "colour_histogram",
    "cut_valence",
    "frequency_spectrum",
    "load_recording",
    "make_recording",
    "output_folder",
    "picture_statistics",
    "read_catalog",
    "read_picture",
    "read_recording",
    "result_head",
    "save_recording",
    "to_json",
    "trial_table",
    "unit_table",
    "write_bids",
    "write_bytes",
    "write_json",
    "write_manifest",
    "write_nifti",
    "write_nwb",
    "write_table",
    "write_text",
]
