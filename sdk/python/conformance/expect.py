"""What a case expects, compared with what came."""

import re

from litebox_partner import PartnerError, reasons
from litebox_partner.reasons import BY_REASON


class Failed(Exception):
    """A step came out otherwise than its case expects."""


def difference(wanted: object, found: object, at: str = "") -> str:
    """Where and how they differ; "" when `found` has all that is wanted."""
    if wanted is None:
        return "" if found in (None, "", [], {}) else f"{at}: {found!r} is there"
    if wanted == "*":
        return "" if found not in (None, "", [], {}) else f"{at}: nothing is there"
    if isinstance(wanted, dict):
        if not isinstance(found, dict):
            return f"{at}: {found!r} is no object" if wanted else ""
        return next(filter(None, (difference(v, found.get(k), f"{at}.{k}") for k, v in wanted.items())), "")
    if isinstance(wanted, list):
        lacking = [each for each in wanted if not any(difference(each, one) == "" for one in found or [])]
        return f"{at}: nothing in {found!r} fits {lacking[0]!r}" if lacking else ""
    empty = found is None and wanted in ("", 0, False)
    return "" if wanted == found or empty else f"{at}: {found!r}, not {wanted!r}"


def fits(wanted: object, found: object, what: str) -> None:
    if why := difference(wanted, found):
        raise Failed(f"{what}{why}")


def error_fits(wanted: dict, error: Exception, sent_id: str = "") -> None:
    """An error of a call, sent with this request_id, or of opening a Partner."""
    if "mentions" in wanted:
        plain = re.sub("[^a-z]", "", str(error).lower())
        if not isinstance(error, ValueError) or wanted["mentions"].replace("_", "") not in plain:
            raise Failed(f"{error!r} does not mention {wanted['mentions']}")
        return
    if not isinstance(error, PartnerError):
        raise Failed(f"{error!r} is no PartnerError") from error
    class_fits(error)
    found = shown(error, sent_id)
    for key, value in wanted.items():
        if key == "preconditions":
            same = set(value) <= set(found[key])
        elif key == "metadata":
            same = difference(value, found[key]) == ""
        else:
            same = found[key] == value
        if not same:
            raise Failed(f"{key} of {error!r}: {found[key]!r}, not {value!r}")


def class_fits(error: PartnerError) -> None:
    """It is caught by the class of its reason."""
    kind = BY_REASON.get(error.reason)
    if kind is not None and type(error) is not kind:
        raise Failed(f"{error.reason} came as {type(error).__name__}")
    if kind is not None and getattr(reasons, kind.__name__) is not kind:
        raise Failed(f"{kind.__name__} is not in reasons")


def shown(error: PartnerError, sent_id: str) -> dict:
    # That of the request, or one that was drawn for it.
    known = error.request_id == sent_id if sent_id else re.fullmatch("[0-9a-f-]{36}", error.request_id) is not None
    return {
        "code": error.code.name,
        "reason": error.reason,
        "fields": [bad.field for bad in error.field_violations],
        "field_details": all(bad.reason and re.search("[а-яё]", bad.localized_message) for bad in error.field_violations),
        "preconditions": [bad.type for bad in error.precondition_violations],
        "metadata": dict(error.metadata),
        "retry_after": error.retry_after is not None,
        "localized": re.search("[а-яё]", error.localized_message) is not None,
        "request_id": known,
        "server_request_id": error.server_request_id != "",
    }


def taken(path: str, found: object) -> str:
    """The value at a path such as `kkts.0.id`, as text."""
    for key in path.split("."):
        if isinstance(found, list):
            found = found[int(key)] if int(key) < len(found) else None
        else:
            found = found.get(key) if isinstance(found, dict) else None
    return "" if found is None else str(found)
