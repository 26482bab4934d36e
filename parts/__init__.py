"""Parts by name: the registry, parts given unbuilt, and parts as JSON and as text."""

from .checking import check_fields, check_types
from .description import UnknownPartError, describe, handed, restore
from .expression import parse
from .files import check_new_folder, check_plain, check_run_folder, is_unfinished
from .registry import Part, choose, find, name_of, names, spelt, unknown
from .sites import facet_of, site_name
from .unbuilt import Unbuilt, build, changed, check_arguments, given, keywords_of, resolve

__all__ = [
    "Part",
    "Unbuilt",
    "UnknownPartError",
    "build",
    "changed",
    "check_arguments",
    "check_fields",
    "check_new_folder",
    "check_plain",
    "check_run_folder",
    "check_types",
    "choose",
    "describe",
    "facet_of",
    "find",
    "given",
    "handed",
    "is_unfinished",
    "keywords_of",
    "name_of",
    "names",
    "parse",
    "resolve",
    "restore",
    "site_name",
    "spelt",
    "unknown",
]
