"""Parts by name: the registry, parts given unbuilt, and parts as JSON and as text."""

from .checking import check_fields, check_types, checked
from .companions import heeded, under
from .description import UnknownPartError, describe, handed, restore
from .expression import parse
from .files import check_new_folder, check_plain, check_run_folder, is_unfinished
from .groups import GROUPS, given_law, is_groups, known_rows, without_groups
from .ranges import Count, Natural, NonNegative, Positive, Rate, Seed, Share
from .registry import Part, choose, find, name_of, names
from .showing import rows_html
from .sites import facet_of, site_name
from .spelling import spelt, unknown
from .unbuilt import Unbuilt, build, changed, check_arguments, given, keywords_of, resolve

__all__ = [
    "GROUPS",
    "Count",
    "Natural",
    "NonNegative",
    "Part",
    "Positive",
    "Rate",
    "Seed",
    "Share",
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
    "checked",
    "choose",
    "describe",
    "facet_of",
    "find",
    "given",
    "given_law",
    "handed",
    "heeded",
    "is_groups",
    "is_unfinished",
    "keywords_of",
    "known_rows",
    "name_of",
    "names",
    "parse",
    "resolve",
    "restore",
    "rows_html",
    "site_name",
    "spelt",
    "under",
    "unknown",
    "without_groups",
]
