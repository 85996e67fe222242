"""What a plan needs from the caller beside facts: somewhere to publish to, and the right to write on GitHub."""

from ci.policy.plan import Plan


def lacking(plan: Plan, *, registry: bool, github: bool) -> tuple[str, ...]:
    """Say what a plan cannot be carried out without; with a line of it, nothing leaves the pipeline.

    Asked before anything is run: half of what a plan says is worse than nothing of it. A plan that touches nothing
    outside lacks nothing.
    """
    lines = []
    if (plan.image or plan.deploy) and not registry:
        lines.append("an image is to be published and nobody said where: --image=HOST/NAME")
    if (plan.release or plan.back_merges) and not github:
        lines.append("a release needs --repository=OWNER/NAME and the right to write there: --token=env:GITHUB_TOKEN")
    return tuple(lines)
