"""The one writing door, and the reading of bounded inputs: every file or folder that a verb reads or writes."""

from gigaplan.vocabulary.files.folders import whole_folder
from gigaplan.vocabulary.files.inputs import command, note_input, read_bytes, reads_texts_only, refuse_files, texts_only
from gigaplan.vocabulary.files.names import name_fault, slug
from gigaplan.vocabulary.files.workplace import temporary_folder
from gigaplan.vocabulary.files.write import (
    STDOUT,
    Kind,
    named_file,
    only_files_on_stdout,
    refuse_unwritable,
    whole_file,
    write_text,
)

__all__ = [
    "STDOUT",
    "Kind",
    "command",
    "name_fault",
    "named_file",
    "note_input",
    "only_files_on_stdout",
    "read_bytes",
    "reads_texts_only",
    "refuse_files",
    "refuse_unwritable",
    "slug",
    "temporary_folder",
    "texts_only",
    "whole_file",
    "whole_folder",
    "write_text",
]
