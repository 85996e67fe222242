"""Facts in, decision out: the one entry to the policy."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from ci.policy.changes import broken_promises, noteworthy, refused_pull_request
from ci.policy.facts import Facts
from ci.policy.outcomes import OUTCOMES
from ci.policy.plan import Part, Plan
from ci.policy.rescans import with_rescans
from ci.policy.rules import Rule, rule_for
from ci.policy.suites import Suite
from ci.policy.trigger import Trigger

_OCCASIONS: Final[Mapping[Trigger, str]] = MappingProxyType(
    {
        Trigger.PULL_REQUEST: "pull request from {ref} to {target}",
        Trigger.MERGE_QUEUE: "merge queue of {target}",
        Trigger.BRANCH: "push to {ref}",
        Trigger.TAG: "tag {ref}",
        Trigger.NIGHTLY: "nightly run of {ref}",
        Trigger.MANUAL: "manual run on {ref}",
    }
)


def decide(facts: Facts) -> Plan:
    """Decide what a run does; PolicyError when a pushed tag or release branch names no version."""
    plan = Plan(_OCCASIONS[facts.trigger].format(ref=facts.ref, target=facts.target), warnings=noteworthy(facts))
    if refused := refused_pull_request(facts):
        return replace(plan, failures=(refused,)).because(Part.SUITES, "a pull request to the wrong base is not tested")
    rule = rule_for(facts.model, facts.trigger, facts.target)
    if rule is None:
        return plan.because(Part.SUITES, f"no rule of {facts.model} is for it: its pull request is what is tested")
    plan = _tested(plan, facts, rule)
    if rule.rescans:
        plan = with_rescans(facts, plan)
    return _deployed(OUTCOMES[rule.publishes](facts, plan), rule)


def _tested(plan: Plan, facts: Facts, rule: Rule) -> Plan:
    """Add what is run: the rule's suite, or the one that a person chose."""
    suite = rule.suite or facts.choice or Suite.FULL
    was_left_out = rule.suite is None and facts.choice is None
    why = f"{rule.why}; nothing was chosen, so it is {suite}" if was_left_out else rule.why
    tested = replace(plan, suites=(suite,), stages=rule.stages, failures=tuple(broken_promises(facts)))
    return tested.because(Part.SUITES, why)


def _deployed(plan: Plan, rule: Rule) -> Plan:
    """Add where the image goes, if there is one."""
    if plan.image is None or rule.deploy is None:
        return plan
    return replace(plan, deploy=rule.deploy).because(Part.DEPLOY, "by the digest that is published")
