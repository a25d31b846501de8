"""What other emulators are known to do otherwise than AWS documents, one entry a rule.

Kept honest by the run itself: an entry whose rule is obeyed after all makes it red.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.contract.opinions import Deviation

_RECORDS = "test_dns_records.py::"
_SWAPS = "test_dns_swap.py::"
_ZONES = "test_dns_zones.py::"

_CHANGE = "Route 53 API, ChangeResourceRecordSets"
_TYPES = "Route 53 guide, ResourceRecordTypes"
_LIMITS = "Route 53 guide, DNSLimitations"
_NAMES = "Route 53 guide, DomainNameFormat"

_TAKES = "takes it"

MINISTACK: tuple[Deviation, ...] = (
    Deviation(
        _SWAPS + "test_a_bad_last_change_undoes_the_first",
        "a name outside the zone fails the whole batch",
        _CHANGE,
        _TAKES,
    ),
    Deviation(
        _RECORDS + "test_names_outside_the_zone_are_refused",
        "a record's name ends in its zone's, by whole labels",
        _CHANGE,
        _TAKES,
    ),
    Deviation(
        _RECORDS + "test_bad_ipv4_is_refused",
        "an A record's value is an IPv4 address in dotted decimal",
        _TYPES,
        _TAKES,
    ),
    Deviation(
        _RECORDS + "test_names_come_back_normal",
        "names come back in lower case, `*` as `\\052`",
        _NAMES,
        "gives them back as they were written",
    ),
    Deviation(
        _RECORDS + "test_a_name_is_the_same_however_written",
        "the escaped, the capital and the dotted form are one name",
        _NAMES,
        "takes them for different names",
    ),
    Deviation(
        _RECORDS + "test_cname_stands_alone",
        "no other record beside a CNAME",
        _TYPES,
        _TAKES,
    ),
    Deviation(
        _RECORDS + "test_cname_is_not_for_the_apex",
        "no CNAME at the zone's own name",
        _TYPES,
        _TAKES,
    ),
    Deviation(
        _RECORDS + "test_text_strings_of_255_characters",
        "a TXT string has at most 255 characters",
        _TYPES,
        "takes longer ones",
    ),
    Deviation(
        _RECORDS + "test_text_values_of_4000_characters",
        "a TXT value has at most 4,000 characters",
        _TYPES,
        "takes longer ones",
    ),
    Deviation(
        _RECORDS + "test_text_must_be_quoted",
        "a TXT value is one or more strings in double quotes",
        _TYPES,
        "takes them without",
    ),
    Deviation(
        _RECORDS + "test_a_value_may_not_be_given_twice",
        "no value twice in a set",
        _CHANGE,
        _TAKES,
    ),
    Deviation(
        _RECORDS + "test_at_most_1000_values_a_batch",
        "at most 1,000 values a request, those of UPSERT counted twice",
        _LIMITS,
        "takes more",
    ),
    Deviation(
        _RECORDS + "test_at_most_32000_characters_a_batch",
        "at most 32,000 characters of values a request",
        _LIMITS,
        "takes more",
    ),
    Deviation(
        _RECORDS + "test_weighted_beside_simple_is_refused",
        "one routing policy for all sets of a name and type",
        "Route 53 guide, resource-record-sets-values",
        _TAKES,
    ),
    Deviation(
        _RECORDS + "test_the_zones_own_records_stay",
        "the zone's own NS record cannot be deleted",
        _CHANGE,
        "deletes it",
    ),
    Deviation(
        _ZONES + "test_a_type_without_a_name_is_refused",
        "StartRecordType without StartRecordName is InvalidInput",
        "Route 53 API, ListResourceRecordSets",
        "ignores the type",
    ),
    Deviation(
        _ZONES + "test_a_callers_reference_is_good_once",
        "a CallerReference used before is HostedZoneAlreadyExists",
        "Route 53 API, CreateHostedZone",
        "answers with the zone it made before",
    ),
)

KNOWN_DEVIATIONS: Mapping[str, tuple[Deviation, ...]] = {"ministack": MINISTACK}
"""By emulator."""
