"""What an entry of a list may be, and under which entries an observable stands."""

import pytest

from secops_agent.services.records.indicators import Unusable, prefix_of, read, spellings


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("203.0.113[.]9", "", ("ip", "203.0.113.9")),
        ("203.0.113.9/32", "", ("ip", "203.0.113.9")),
        ("::ffff:203.0.113.9", "", ("ip", "203.0.113.9")),
        ("203.0.113.0/24", "", ("cidr", "203.0.113.0/24")),
        ("2001:db8::1", "", ("ip", "2001:db8::1")),
        ("2001:DB8::/32", "", ("cidr", "2001:db8::/32")),
        ("hxxps://Evil.example[.]com/A?b=1#c", "", ("url", "evil.example.com/A?b=1")),
        ("evil.example.com/drop.sh", "", ("url", "evil.example.com/drop.sh")),
        ("hxxp://203.0.113.9:8080/x", "", ("url", "203.0.113.9:8080/x")),
        ("*.Evil.Example.com.", "", ("domain", "evil.example.com")),
        ("恶意.example.com", "", ("domain", "xn--5bu4m.example.com")),
        ("D41D8CD98F00B204E9800998ECF8427E", "", ("hash", "d41d8cd98f00b204e9800998ecf8427e")),
        ("sha256:" + "a" * 64, "", ("hash", "a" * 64)),
        ("a[at]evil.example.com", "", ("email", "a@evil.example.com")),
        ("Root", "account", ("account", "root")),
    ],
)  # fmt: skip
def test_a_value_is_read_in_every_spelling(text, kind, expected):
    assert read(text, kind) == expected


@pytest.mark.parametrize(
    "text",
    ["", "10.1.2.3", "192.168.0.0/16", "127.0.0.1", "0.0.0.0/0", "8.0.0.0/4", "::/0", "fe80::1", "224.0.0.1", "com", "com.cn",
     "http://10.0.0.5/x", "http://[::1]/", "a b", "evil\u202e.example.com", "x" * 600, "http://", "只是文字"],
)  # fmt: skip
def test_what_would_hit_everything_or_ourselves_is_refused(text):
    with pytest.raises(Unusable):
        read(text)


def test_an_address_stands_under_its_networks_and_a_name_under_its_parents():
    prefixes = {prefix_of("203.0.113.0/24"), prefix_of("2001:db8::/32")}
    assert set(spellings("ip", "203.0.113.9", prefixes)) == {
        ("ip", "203.0.113.9"),
        ("cidr", "203.0.113.0/24"),
    }
    assert ("cidr", "2001:db8::/32") in set(spellings("ip", "2001:db8:1::2", prefixes))
    assert set(spellings("domain", "a.evil.example.com")) == {
        ("domain", "a.evil.example.com"), ("domain", "evil.example.com"), ("domain", "example.com"),
    }  # fmt: skip
    found = set(spellings("url", "https://203.0.113.9/x", prefixes))
    assert {("url", "203.0.113.9/x"), ("ip", "203.0.113.9"), ("cidr", "203.0.113.0/24")} == found


@pytest.mark.parametrize(
    ("kind", "value"),
    [("url", "http://[bad"), ("ip", "nonsense"), ("domain", "."), ("email", "@"), ("file", "x")],
)
def test_odd_observables_stand_nowhere(kind, value):
    assert all(named[1] in (value, "@") for named in spellings(kind, value))
