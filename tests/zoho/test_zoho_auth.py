from __future__ import annotations

import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from migrator_kit.errors import ConfigError, TerminalError, TransientError
from migrator_kit.zoho import ZohoSettings, settings_from_environment
from migrator_kit.zoho.auth import TokenCache
from migrator_kit.zoho.hosts import (
    HOSTS,
    DataCentre,
    Environment,
    is_loopback,
    is_zoho,
    upload_host,
)

TOKEN = "/oauth/v2/token"
ENVIRON = {
    "ZOHO_CLIENT_ID": "1000.CLIENT",
    "ZOHO_CLIENT_SECRET": "s3cr3t-word",
    "ZOHO_REFRESH_TOKEN": "1000.refresh-word",
}


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def cache(toy, clock, **changes) -> TokenCache:
    settings = ZohoSettings.for_emulator(toy.url, **changes)
    return TokenCache(settings, sleep=clock.sleep, clock=clock)


def test_eight_threads_share_one_refresh(toy, clock):
    tokens = cache(toy, clock)
    start = threading.Barrier(8)

    def ask(_: int) -> str:
        start.wait()
        return tokens.token().value

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {"1000.token-1"}
    assert toy.tokens == 1


def test_revoked_token_is_refreshed_once_for_eight_threads(toy, make_client, reply):
    client = make_client()
    client.org()

    def answer(seen):
        if seen.headers["Authorization"].endswith("token-1"):
            return reply(401, {"code": "INVALID_TOKEN", "status": "error", "details": {}})
        return reply(204)

    toy.on("GET", "/crm/v8/Contacts/1", answer)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: client.records.get("Contacts", "1"), range(8)))
    assert found == [None] * 8
    assert toy.tokens == 2
    assert all("token-1" in s.headers["Authorization"] for s in toy.calls("/crm/v8/org"))


def test_a_token_refused_twice_stops(toy, client, reply):
    toy.on("GET", "/crm/v8/Contacts/1", reply(401, {"code": "INVALID_TOKEN", "status": "error"}))
    with pytest.raises(TerminalError) as caught:
        client.records.get("Contacts", "1")
    assert caught.value.code == "INVALID_TOKEN"
    assert toy.tokens == 2
    assert len(toy.calls("/crm/v8/Contacts/1")) == 2


def test_a_scope_that_is_missing_stops_at_once(toy, client, reply):
    toy.on("GET", "/crm/v8/Contacts/1", reply(401, {"code": "OAUTH_SCOPE_MISMATCH"}))
    with pytest.raises(TerminalError, match="OAUTH_SCOPE_MISMATCH"):
        client.records.get("Contacts", "1")
    assert toy.tokens == 1


def test_token_is_renewed_a_minute_before_its_end(toy, clock):
    tokens = cache(toy, clock)
    assert tokens.token().value == "1000.token-1"
    clock.now += 3600 - 61
    assert tokens.token().value == "1000.token-1"
    clock.now += 2
    assert tokens.token().value == "1000.token-2"


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("code", ["invalid_code", "invalid_client"])
def test_refused_credentials_are_terminal_whatever_the_status(toy, clock, reply, status, code):
    toy.on("POST", TOKEN, reply(status, {"error": code}))
    with pytest.raises(TerminalError) as caught:
        cache(toy, clock, refresh_token="1000.refresh-word").token()
    assert caught.value.code == code
    assert "1000.refresh-word" not in str(caught.value)


def test_secrets_travel_in_the_body_not_in_the_url(toy, clock):
    cache(toy, clock, client_secret="s3cr3t-word").token()
    assert toy.seen[0].query == {}
    assert b"s3cr3t-word" in toy.seen[0].body


def test_ten_tokens_in_ten_minutes_are_never_exceeded(toy, clock):
    tokens = cache(toy, clock)
    started = clock.now
    for _ in range(11):
        tokens.discard(tokens.token())
    assert toy.tokens == 11
    assert clock.now - started >= 600


def test_quota_used_by_others_is_waited_for(toy, clock, reply):
    refused = reply(400, {"error": "Access Denied", "error_description": "too many requests"})
    toy.on("POST", TOKEN, refused, toy.token)
    started = clock.now
    assert cache(toy, clock).token().value == "1000.token-1"
    assert clock.now - started >= 600


def test_quota_longer_than_allowed_is_transient(toy, clock, reply):
    from migrator_kit.zoho.settings import Retries

    toy.on("POST", TOKEN, reply(400, {"error": "Access Denied"}))
    tokens = cache(toy, clock, retries=Retries(quota_wait=60))
    with pytest.raises(TransientError, match="ten access tokens"):
        tokens.token()


def test_accounts_server_out_of_order_is_retried(toy, client, waits, reply):
    toy.on("POST", TOKEN, reply(502, b"<html/>", media="text/html"), reply(cut=True), toy.token)
    assert client.org().type == "sandbox"
    assert len(waits) == 2


def test_processes_share_token_and_count_through_the_state_folder(toy, clock, tmp_path):
    first, second = (cache(toy, clock, state_folder=tmp_path) for _ in range(2))
    assert first.token().value == second.token().value == "1000.token-1"
    assert toy.tokens == 1
    refused = first.token()
    second.discard(refused)
    assert second.token().value == "1000.token-2"
    clock.now += 3000
    assert cache(toy, clock, state_folder=tmp_path).token().value == "1000.token-2"
    (path,) = tmp_path.glob("zoho-access-*.db")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "emulator" not in path.name


def test_another_process_takes_the_same_token(toy, tmp_path):
    code = (
        "import sys, pathlib\n"
        "from migrator_kit.zoho import ZohoClient, ZohoSettings\n"
        "s = ZohoSettings.for_emulator(sys.argv[1], state_folder=pathlib.Path(sys.argv[2]))\n"
        "with ZohoClient(s) as client: print(client.org().zgid)\n"
    )
    for _ in range(2):
        run = [sys.executable, "-c", code, toy.url, str(tmp_path)]
        done = subprocess.run(run, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "808232144"
    assert toy.tokens == 1


def test_api_host_elsewhere_is_refused(toy, clock, reply):
    body = {"access_token": "x", "api_domain": "https://www.zohoapis.com.evil.example"}
    toy.on("POST", TOKEN, reply(body={**body, "expires_in": 3600}))
    with pytest.raises(TerminalError, match="not Zoho's own"):
        cache(toy, clock).token()


def test_hosts_of_all_data_centres():
    assert set(HOSTS) == set(DataCentre)
    for hosts in HOSTS.values():
        assert is_zoho(hosts.accounts)
        assert is_zoho(hosts.upload)
        for environment in Environment:
            api = hosts.api(environment)
            assert is_zoho(api)
            assert upload_host(api) == hosts.upload
    assert HOSTS[DataCentre.EU].api(Environment.SANDBOX) == "https://sandbox.zohoapis.eu"
    assert upload_host("http://127.0.0.1:9") == "http://127.0.0.1:9"


def test_zoho_and_loopback_are_told_from_look_alikes():
    assert not is_zoho("http://www.zohoapis.com")
    assert not is_zoho("https://zohoapis.com.evil.example")
    assert not is_zoho("https://evilzohoapis.com")
    assert is_loopback("http://[::1]:80")
    assert not is_loopback("http://127.evil.example")


def test_settings_come_from_the_environment_and_show_no_secret():
    settings = settings_from_environment(data_centre="eu", environ=ENVIRON)
    assert settings.accounts_url == "https://accounts.zoho.eu"
    assert settings.refresh_token == "1000.refresh-word"
    for value in ENVIRON.values():
        assert value not in repr(settings)
        assert value not in str(settings)


def test_the_api_host_can_be_named_by_environment():
    settings = settings_from_environment(
        data_centre="in", environment=Environment.DEVELOPER, environ=ENVIRON
    )
    assert settings.api_url == "https://developer.zohoapis.in"
    assert settings_from_environment(environ=ENVIRON).api_url is None


def test_missing_scopes_are_named(toy, make_client, reply, tmp_path):
    def token(seen):
        body = toy.token(seen).body
        granted = "ZohoCRM.modules.ALL ZohoCRM.settings.fields.ALL,ZohoCRM.users.READ"
        return reply(body={**body, "scope": granted})

    toy.on("POST", TOKEN, token)
    for _ in range(2):
        missing = make_client(state_folder=tmp_path).missing_scopes()
        assert "ZohoCRM.modules.notes.ALL" not in missing
        assert {"ZohoCRM.settings.ALL", "ZohoCRM.org.READ", "ZohoFiles.files.ALL"} <= set(missing)
    assert toy.tokens == 1


def test_missing_credentials_are_named_and_present_ones_not_shown():
    environ = {"ZOHO_CLIENT_ID": "1000.CLIENT"}
    with pytest.raises(ConfigError) as caught:
        settings_from_environment(environ=environ)
    assert "ZOHO_CLIENT_SECRET, ZOHO_REFRESH_TOKEN" in str(caught.value)
    assert "1000.CLIENT" not in str(caught.value)


def test_unknown_data_centre_names_the_known_ones():
    with pytest.raises(ConfigError, match="eu, in, au"):
        settings_from_environment(data_centre="mars", environ=ENVIRON)


def test_keyring_is_asked_when_the_environment_is_empty(monkeypatch):
    import types

    module = types.ModuleType("keyring")
    module.errors = types.SimpleNamespace(KeyringError=RuntimeError)
    module.get_password = lambda service, name: f"{service}/{name}"
    monkeypatch.setitem(sys.modules, "keyring", module)
    settings = settings_from_environment(environ={})
    assert settings.client_id == "migrator-kit-zoho/ZOHO_CLIENT_ID"

    def locked(service: str, name: str) -> str:
        raise RuntimeError

    module.get_password = locked
    with pytest.raises(ConfigError, match="ZOHO_CLIENT_ID"):
        settings_from_environment(environ={})


def test_netrc_does_not_replace_the_token(toy, client, tmp_path, monkeypatch):
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password something\n")
    monkeypatch.setenv("NETRC", str(netrc))
    client.org()
    assert toy.calls("/crm/v8/org")[0].headers["Authorization"] == "Zoho-oauthtoken 1000.token-1"
