"""Runtimes and policies of everybody, for the owner of the server."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from labora.access import Principal, Scope
from labora.api.models import Done
from labora.api.needs import Needs, services_of
from labora.api.public import PREFIX
from labora.api.runtime_models import AllRuntimes, PolicyBody, PolicySet, RuntimeAccount, WarmPoolAnswer
from labora.api.runtime_views import RuntimeViews, runtimes_of
from labora.api.services import Services
from labora.runtimes.policy import EVERYONE, effective
from labora.runtimes.service import Runtimes

router = APIRouter(prefix=PREFIX, tags=["runtimes"])
Container = Annotated[Services, Depends(services_of)]
Owner = Annotated[Principal, Depends(Needs(Scope.ACCOUNT, owner=True))]


@router.get("/instance/runtimes")
async def all_runtimes(caller: Owner, services: Container) -> AllRuntimes:
    """Lists every account's runtimes that have not ended, without names of notebooks that the owner may not read.

    ``warm`` counts the machines that stand ready for whoever runs something next.
    """
    runtimes = runtimes_of(services)
    found, warm = await runtimes.list(), runtimes.pool.state()
    people = await services.accounts.all_accounts(caller)
    accounts = {account.id: RuntimeAccount.model_validate(account) for account in people}
    shown = await RuntimeViews(services, caller, accounts).of(found)
    return AllRuntimes(runtimes=shown, warm=WarmPoolAnswer.model_validate(warm))


@router.delete("/instance/runtimes/{runtime_id}")
async def end_any_runtime(runtime_id: str, caller: Owner, services: Container) -> Done:
    """Ends anybody's runtime; its account is told who did. Recorded in the audit log."""
    await runtimes_of(services).stop_as_owner(runtime_id, caller.account_id)
    return Done()


@router.get("/instance/policy")
async def common_policy(caller: Owner, services: Container) -> PolicySet:
    """Returns what is set for everyone."""
    return await _everyone(runtimes_of(services))


@router.put("/instance/policy")
async def set_common_policy(body: PolicyBody, caller: Owner, services: Container) -> PolicySet:
    """Sets what runtimes of everyone may use, where nothing is set for an account. Recorded in the audit log."""
    runtimes = runtimes_of(services)
    await runtimes.policies.set(body.row("everyone", EVERYONE), caller.account_id)
    return await _everyone(runtimes)


@router.get("/accounts/{account_id}/policy")
async def account_policy(account_id: str, caller: Owner, services: Container) -> PolicySet:
    """Returns what is set for an account and what holds for it."""
    await services.accounts.account(account_id)
    return await _account(runtimes_of(services), account_id)


@router.put("/accounts/{account_id}/policy")
async def set_account_policy(account_id: str, body: PolicyBody, caller: Owner, services: Container) -> PolicySet:
    """Sets what an account's runtimes may use; times hold at once, limits from its next runtime on. Audited."""
    await services.accounts.account(account_id)
    runtimes = runtimes_of(services)
    await runtimes.policies.set(body.row("account", account_id), caller.account_id)
    return await _account(runtimes, account_id)


async def _everyone(runtimes: Runtimes) -> PolicySet:
    row = await runtimes.policies.get("everyone")
    return PolicySet.of(row, effective(runtimes.policies.base, [row]))


async def _account(runtimes: Runtimes, account_id: str) -> PolicySet:
    policies = runtimes.policies
    return PolicySet.of(await policies.get("account", account_id), await policies.of(account_id))
