"""Stories and guides as Pyro programs: their sites, plain SVI, two side by side, on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyro
import pytest
import torch
from pyro import poutine
from pyro.infer import ELBO, SVI, TraceEnum_ELBO
from pyro.optim import Adam  # type: ignore[attr-defined]
from safetensors.torch import load_file, save_file

from pyromix.guides import Guide
from pyromix.models import MixtureVAE
from pyromix.testing.laws import gradients, largest, trainable
from pyromix.testing.nodes import drawing

from .cases import BOUNDS, CASES, Case, X

LOSSES: dict[str, Callable[[], ELBO]] = {
    "pyro": lambda: TraceEnum_ELBO(max_plate_nesting=1),
    **BOUNDS,
}


@pytest.fixture(params=list(LOSSES))
def loss(request: pytest.FixtureRequest) -> ELBO:
    """Pyro's own evaluation of the bound, and ours."""
    return LOSSES[request.param]()


def sites(trace: poutine.Trace) -> dict[str, tuple[int, ...]]:
    """Shape of the value at every site that is no plate."""
    nodes: dict[str, Any] = trace.nodes
    return {
        name: tuple(site["value"].shape)
        for name, site in nodes.items()
        if site["type"] == "sample" and type(site["fn"]).__name__ != "_Subsample"
    }


def test_sites_of_both_traces(case: Case, assignment: str) -> None:
    model, guide = case.build(assignment)
    x = case.data(5)
    continuous = {site: (5, *law.event_shape) for site, law in guide.posterior(x).items()}
    guide_trace = poutine.trace(guide).get_trace(x)
    model_trace = poutine.trace(poutine.replay(model, trace=guide_trace)).get_trace(x)
    assigned = {} if assignment == "marginal" else {"c": (5,)}
    assert sites(guide_trace) == continuous | assigned
    assert sites(model_trace) == continuous | {"c": (5,), "x": (5, X)}
    assert model_trace.nodes["x"]["is_observed"]
    for trace in (guide_trace, model_trace):
        nodes: dict[str, Any] = trace.nodes
        for name in sites(trace):
            frames = nodes[name]["cond_indep_stack"]
            assert [frame.name for frame in frames] == ["data"]
            assert tuple(nodes[name]["fn"].batch_shape) == (5,)
    assert nodes["c"]["infer"]["enumerate"] == "parallel"


def test_the_story_draws_data(case: Case) -> None:
    model, _ = case.build(case.assignments[0])
    drawn = model(n=7)
    assert drawn.shape == (7, X)
    model.likelihood.check(drawn)
    with pytest.raises(ValueError, match="give x"):
        model()


def test_batch_shapes(case: Case, assignment: str) -> None:
    """Densities of the prior and posteriors take any number of batch dimensions to the left."""
    model, guide = case.build(assignment)
    prior, laws = model.prior, guide.posterior(case.data(4))
    latents = {site: law.rsample((6, 2)) for site, law in laws.items()}
    own = prior.own(latents)
    assert prior.log_joint(**own).shape == (6, 2, 4, 3)
    assert prior.responsibilities(**own).shape == (6, 2, 4, 3)
    assert prior.log_prob(**own).shape == (6, 2, 4)
    assert model.likelihood.mean(prior.code(latents)).shape == (6, 2, 4, X)
    for axis, index in ((0, 5), (1, 1)):
        part = {site: value.select(axis, index) for site, value in own.items()}
        torch.testing.assert_close(
            prior.log_joint(**part), prior.log_joint(**own).select(axis, index)
        )


def test_the_decoder_sees_each_sample_once(case: Case, assignment: str, bound: str) -> None:
    x = case.data(5)
    for n_clusters in (1, 3, 40):
        for particles in (1, 2):
            model, guide = case.build(assignment, n_clusters)
            seen: list[int] = []
            model.likelihood.decoder.register_forward_hook(
                lambda module, args, out, seen=seen: seen.append(args[0].shape[:-1].numel())
            )
            BOUNDS[bound](num_particles=particles).differentiable_loss(model, guide, x)
            assert seen == [particles * len(x)]


def test_plain_svi_trains_every_parameter(case: Case, assignment: str, loss: object) -> None:
    model, guide = case.build(assignment)
    x = case.data(16)
    svi = SVI(model, guide, Adam({"lr": 1e-2}), loss)
    parameters = dict([*model.named_parameters("model"), *guide.named_parameters("guide")])
    before = {name: value.detach().clone() for name, value in parameters.items()}
    losses = []
    for _ in range(5):
        torch.manual_seed(0)  # the same noise each time, so that every step has to help
        losses.append(svi.step(x))
    still = [name for name, value in parameters.items() if torch.equal(value, before[name])]
    assert still == []
    assert losses == sorted(losses, reverse=True)


def test_svi_evaluates_and_steps_in_the_same_units(case: Case, assignment: str, bound: str) -> None:
    """Nats per datum, whichever way Pyro calls the objective."""
    model, guide = case.build(assignment)
    x = case.data(6)
    elbo = BOUNDS[bound]()
    values = []
    for call in (
        SVI(model, guide, Adam({"lr": 0.0}), elbo).evaluate_loss,
        SVI(model, guide, Adam({"lr": 0.0}), elbo).step,
        lambda x: float(elbo.differentiable_loss(model, guide, x).detach()),
        lambda x: float(elbo(model, guide)(x).detach()),
    ):
        torch.manual_seed(2)
        values.append(call(x))
    assert values == pytest.approx([values[0]] * len(values), abs=1e-10)


def test_fixed_tensors_stay_fixed_under_svi(case: Case, assignment: str, loss: object) -> None:
    """Pyro's store trains every parameter it sees, so what is fixed must not be one."""
    model, guide = case.build(assignment)
    buffers = dict([*model.named_buffers("model"), *guide.named_buffers("guide")])
    before = {name: value.clone() for name, value in buffers.items()}
    assert all(parameter.requires_grad for parameter in (*model.parameters(), *guide.parameters()))
    svi = SVI(model, guide, Adam({"lr": 1e-2}), loss)
    for _ in range(3):
        svi.step(case.data())
    assert all(torch.equal(value, before[name]) for name, value in buffers.items())
    stored = [name for name in pyro.get_param_store() if name.endswith("prior.logits")]
    assert bool(stored) == model.prior.learn_weights


def test_two_stories_side_by_side(case: Case, assignment: str, loss: object) -> None:
    """In Pyro's one global store each has names of its own, so both move and neither the other."""
    stories = [case.build(assignment), case.build(assignment)]
    x = case.data(8)
    names = [
        {module._pyro_name for module in story} | {story[0].prior._pyro_name} for story in stories
    ]
    assert names[0].isdisjoint(names[1])
    for index, (model, guide) in enumerate(stories):
        others = stories[1 - index]
        before = [p.detach().clone() for p in trainable(model, guide)]
        resting = [p.detach().clone() for p in trainable(*others)]
        SVI(model, guide, Adam({"lr": 1e-2}), loss).step(x)
        moved = [
            not torch.equal(a, b) for a, b in zip(before, trainable(model, guide), strict=True)
        ]
        assert all(moved)
        for a, b in zip(resting, trainable(*others), strict=True):
            assert torch.equal(a, b)


def test_save_and_load_are_bit_exact(
    case: Case, assignment: str, bound: str, tmp_path: object
) -> None:
    model, guide = case.build(assignment, seed=0)
    other_model, other_guide = case.build(assignment, seed=1)
    x = case.data()
    for name, module, other in (("m", model, other_model), ("g", guide, other_guide)):
        path = f"{tmp_path}/{name}.safetensors"
        save_file(module.state_dict(), path)
        other.load_state_dict(load_file(path))

    def value(model: MixtureVAE, guide: Guide) -> torch.Tensor:
        torch.manual_seed(4)
        return BOUNDS[bound]().differentiable_loss(model, guide, x).detach()

    assert torch.equal(value(model, guide), value(other_model, other_guide))


def test_no_parameter_stands_in_both_state_dicts(case: Case, assignment: str) -> None:
    model, guide = case.build(assignment)
    ours = {id(parameter) for parameter in model.parameters()}
    assert ours.isdisjoint({id(parameter) for parameter in guide.parameters()})


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_is_kept(case: Case, assignment: str, bound: str, dtype: torch.dtype) -> None:
    model, guide = (module.to(dtype) for module in case.build(assignment))
    x = case.data().to(dtype)
    for scope in (torch.enable_grad(), torch.no_grad()):
        with scope:
            evaluation = BOUNDS[bound](num_particles=2).evaluate(model, guide, x)
        tensors = [evaluation.loss, *evaluation.parts.values(), *evaluation.responsibilities["c"]]
        assert {tensor.dtype for tensor in tensors} == {dtype}


@pytest.mark.parametrize("num_particles", [1, 2])
def test_float32_is_close_to_float64(
    case: Case, assignment: str, bound: str, num_particles: int
) -> None:
    model, guide = case.build(assignment)
    x = case.data()
    latents = {
        site: law.rsample((num_particles,)).squeeze(0) for site, law in guide.posterior(x).items()
    }

    def value() -> torch.Tensor:
        elbo = BOUNDS[bound](num_particles=num_particles)
        dtype = next(model.parameters()).dtype
        drawn = {site: value.detach().to(dtype) for site, value in latents.items()}
        with drawing(guide, drawn), torch.no_grad():
            return elbo.evaluate(model, guide, x.to(dtype)).loss.double()

    exact = value()
    model.float(), guide.float()
    torch.testing.assert_close(value(), exact, rtol=1e-5, atol=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
def test_cuda_gives_the_same_bound(case: Case, assignment: str, bound: str) -> None:
    model, guide = case.build(assignment)
    x = case.data()
    latents = {site: law.rsample().detach() for site, law in guide.posterior(x).items()}
    values, slopes = [], []
    for device in ("cpu", "cuda"):
        model.to(device), guide.to(device)
        with drawing(guide, {site: value.to(device) for site, value in latents.items()}):
            loss = BOUNDS[bound]().differentiable_loss(model, guide, x.to(device))
        values.append(loss.detach().cpu())
        slopes.append([slope.cpu() for slope in gradients(loss, trainable(model, guide))])
    torch.testing.assert_close(*values, rtol=0, atol=1e-8)
    assert largest(a - b for a, b in zip(*slopes, strict=True)) < 1e-8


def test_cases_have_names_of_their_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
