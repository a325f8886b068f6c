"""uv is told what pip is told."""

from requirements.as_pip import configured, translated

LISTING = """\
:env:.index-url='https://variables.example/packages'
global.cert='/etc/company.pem'
global.find-links='\\n/wheels\\n/more-wheels'
global.index-url='https://files.example/packages'
global.timeout='60'
global.trusted-host='files.example'
install.index-url='https://install.example/packages'
install.no-index='true'
"""


def test_variables_win_over_the_command_and_that_over_everything() -> None:
    assert configured(LISTING)["index-url"] == "https://variables.example/packages"
    assert configured(LISTING.split("\n", 1)[1])["index-url"] == "https://install.example/packages"


def test_uv_is_told_in_its_own_words() -> None:
    assert translated(LISTING, {"PATH": "/bin"}) == {
        "PATH": "/bin",
        "SSL_CERT_FILE": "/etc/company.pem",
        "UV_DEFAULT_INDEX": "https://variables.example/packages",
        "UV_FIND_LINKS": "/wheels,/more-wheels",
        "UV_HTTP_TIMEOUT": "60",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_INSECURE_HOST": "files.example",
        "UV_SYSTEM_CERTS": "true",
    }


def test_without_any_configuration_uv_keeps_its_own_index() -> None:
    assert translated("", {}) == {"UV_INDEX_STRATEGY": "unsafe-best-match", "UV_SYSTEM_CERTS": "true"}


def test_what_is_set_for_uv_wins() -> None:
    assert translated(LISTING, {"UV_DEFAULT_INDEX": "https://own.example"})["UV_DEFAULT_INDEX"] == "https://own.example"


def test_the_bundle_of_requests_is_believed_as_pip_believes_it() -> None:
    assert translated("", {"REQUESTS_CA_BUNDLE": "/bundle.pem"})["SSL_CERT_FILE"] == "/bundle.pem"
