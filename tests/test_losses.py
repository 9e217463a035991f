import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from zonate import losses
from zonate.errors import LabelError
from zonate.losses import Target
from zonate.zones import ALL_ZONE_CODES, LabelCode

FULL = ALL_ZONE_CODES
COARSE = (LabelCode.BACKGROUND, LabelCode.PZ, LabelCode.CENTRAL_GLAND)
GLAND = (LabelCode.BACKGROUND, LabelCode.WHOLE_GLAND)


def _labels(rows: list[list[int]]) -> Tensor:
    return torch.tensor([rows], dtype=torch.uint8)  # (1, 2, 2)


def _everywhere(values: list[float]) -> Tensor:
    return torch.tensor(values).view(1, 5, 1, 1).expand(1, 5, 2, 2)


UNIFORM = _everywhere([0.2] * 5)
SPLIT = _everywhere([0.1, 0.2, 0.5, 0.15, 0.05])


class TestFullAnnotation:
    """Each pixel of a 2×2 slice is another zone: BACKGROUND, PZ, TZ, DPU."""

    target = Target.of_labels(_labels([[0, 1], [2, 3]]), [FULL])

    def test_the_target_is_one_hot(self) -> None:
        expected = torch.eye(5)[:4].T.view(5, 2, 2)
        assert torch.equal(self.target.zones[0], expected)
        assert torch.equal(self.target.level(SPLIT), SPLIT)

    def test_l1(self) -> None:
        # a pixel: |0.2 - 1| + 4 · 0.2 = 1.6 over five zones
        assert losses.l1(UNIFORM, self.target).item() == pytest.approx(0.32)

    def test_cross_entropy(self) -> None:
        assert losses.cross_entropy(torch.zeros(1, 5, 2, 2), self.target, "softmax").item() == pytest.approx(
            math.log(5)
        )
        # -(ln 0.1 + ln 0.2 + ln 0.5 + ln 0.15) / 4
        assert losses.cross_entropy(SPLIT.log(), self.target, "softmax").item() == pytest.approx(1.625572, abs=1e-6)

    def test_dice(self) -> None:
        # four zones: (2 · 0.2 + 1) / (0.8 + 1 + 1) = 1/2; AFS, absent: 1 / 1.8 = 5/9
        assert losses.dice(UNIFORM, self.target).item() == pytest.approx(1 - (4 / 2 + 5 / 9) / 5)

    def test_dice_takes_the_slices_of_a_batch_together(self) -> None:
        labels = torch.cat([_labels([[1, 1], [1, 1]]), _labels([[0, 0], [0, 0]])])
        p = torch.cat([UNIFORM, UNIFORM])
        # BACKGROUND and PZ: (2 · 0.8 + 1) / (1.6 + 4 + 1); the three others: 1 / (1.6 + 1)
        expected = 1 - (2 * 2.6 / 6.6 + 3 / 2.6) / 5
        assert losses.dice(p, Target.of_labels(labels, [FULL, FULL])).item() == pytest.approx(expected)

    def test_a_perfect_prediction_costs_nothing(self) -> None:
        perfect = self.target.zones
        assert losses.l1(perfect, self.target).item() == 0
        assert losses.dice(perfect, self.target).item() == pytest.approx(0, abs=1e-7)
        assert losses.cross_entropy(perfect * 200, self.target, "softmax").item() == 0

    def test_the_sigmoid_heads_cross_entropy_scales_to_one(self) -> None:
        assert losses.cross_entropy(torch.zeros(1, 5, 2, 2), self.target, "sigmoid").item() == pytest.approx(
            math.log(5)
        )
        p = torch.sigmoid(SPLIT)
        expected = -(p / p.sum(dim=1, keepdim=True))[0].log()
        expected = torch.stack([expected[0, 0, 0], expected[1, 0, 1], expected[2, 1, 0], expected[3, 1, 1]]).mean()
        assert losses.cross_entropy(SPLIT, self.target, "sigmoid").item() == pytest.approx(expected.item())


class TestAdversarial:
    judgement = torch.tensor([[0.0, math.log(3)], [math.log(3), 0.0]]).view(1, 1, 2, 2)  # sigmoid: 1/2 and 3/4

    def test_against_ones(self) -> None:
        assert losses.adversarial(self.judgement, real=True).item() == pytest.approx(
            (0.693147 + 0.287682) / 2, abs=1e-6
        )

    def test_against_zeros(self) -> None:
        assert losses.adversarial(self.judgement, real=False).item() == pytest.approx(
            (0.693147 + 1.386294) / 2, abs=1e-6
        )


class TestFeatureMatching:
    def test_it_is_the_mean_over_layers_of_the_mean_difference(self) -> None:
        drawn = [torch.zeros(1, 2, 2, 2), torch.ones(1, 1, 1, 1)]
        generated = [torch.full((1, 2, 2, 2), 0.5), torch.full((1, 1, 1, 1), -1.0)]
        assert losses.feature_matching(drawn, generated).item() == (0.5 + 2.0) / 2

    def test_the_same_features_cost_nothing(self) -> None:
        features = [torch.randn(2, 3, 4, 4), torch.randn(2, 5, 2, 2)]
        assert losses.feature_matching(features, features).item() == 0

    def test_only_the_generated_side_learns(self) -> None:
        drawn, generated = (torch.randn(1, 1, 2, 2, requires_grad=True) for _ in range(2))
        cost = losses.feature_matching([drawn], [generated])
        of_drawn, of_generated = torch.autograd.grad(cost, [drawn, generated], allow_unused=True)
        assert of_drawn is None
        assert torch.equal(of_generated, (generated - drawn).sign() / 4)


class TestGradientPenalty:
    """A linear discriminator, whose gradient is its weights."""

    weights = torch.tensor([1.0, -2.0, 3.0, 0.0, 0.5]).view(5, 1, 1)

    def test_it_is_the_squared_gradient(self) -> None:
        labels = torch.rand(2, 5, 1, 1, requires_grad=True)
        judgement = (self.weights * labels).sum(dim=1, keepdim=True)  # (2, 1, 1, 1)
        assert losses.gradient_penalty(judgement, labels).item() == 1 + 4 + 9 + 0.25

    def test_pixels_add_and_slices_are_averaged(self) -> None:
        labels = torch.rand(2, 5, 2, 2, requires_grad=True)
        factor = torch.tensor([1.0, 2.0]).view(2, 1, 1, 1)
        judgement = factor * (self.weights * labels).sum(dim=1, keepdim=True)
        assert losses.gradient_penalty(judgement, labels).item() == 4 * 14.25 * (1 + 4) / 2

    def test_it_can_be_learnt_from(self) -> None:
        labels = torch.rand(1, 5, 1, 1, requires_grad=True)
        weights = self.weights.clone().requires_grad_()
        penalty = losses.gradient_penalty((weights * labels).sum(dim=1, keepdim=True), labels)
        (gradient,) = torch.autograd.grad(penalty, weights)
        assert torch.equal(gradient, 2 * self.weights)


class TestCoarserAnnotation:
    """BACKGROUND, PZ, CENTRAL_GLAND twice."""

    target = Target.of_labels(_labels([[0, 1], [5, 5]]), [COARSE])

    def test_target_and_prediction_are_levelled_within_the_central_gland(self) -> None:
        third = 1 / 3
        assert self.target.zones[0, :, 1, 0].tolist() == pytest.approx([0, 0, third, third, third])
        level = 0.7 / 3
        for row, column in ((0, 0), (0, 1), (1, 0)):
            assert self.target.level(SPLIT)[0, :, row, column].tolist() == pytest.approx(
                [0.1, 0.2, level, level, level]
            )

    def test_l1(self) -> None:
        # background 0.9 + 0.2 + 0.7; PZ 0.1 + 0.8 + 0.7; central gland twice 0.1 + 0.2 + 0.3; of 4 pixels · 5 zones
        assert losses.l1(self.target.level(SPLIT), self.target).item() == pytest.approx((1.8 + 1.6 + 2 * 0.6) / 20)

    def test_cross_entropy_takes_the_sum_over_the_codes_zones(self) -> None:
        expected = -(math.log(0.1) + math.log(0.2) + 2 * math.log(0.7)) / 4
        assert losses.cross_entropy(SPLIT.log(), self.target, "softmax").item() == pytest.approx(expected)

    def test_dice_counts_each_class_once(self) -> None:
        background, pz = (0.2 + 1) / (0.4 + 1 + 1), (0.4 + 1) / (0.8 + 1 + 1)
        central = (2 * 1.4 + 1) / (2.8 + 2 + 1)
        assert losses.dice(SPLIT, self.target).item() == pytest.approx(1 - (background + pz + central) / 3)

    @given(st.lists(st.floats(0, 1), min_size=2, max_size=2), st.sampled_from([COARSE, GLAND]))
    @settings(max_examples=25, deadline=None)
    def test_how_a_class_divides_its_mass_changes_no_term(
        self, cuts: list[float], codes: tuple[LabelCode, ...]
    ) -> None:
        a, b = sorted(cuts)
        divided = _everywhere([0.1, 0.2, 0.7 * a, 0.7 * (b - a), 0.7 * (1 - b)]).clamp(min=1e-6)
        labels = _labels([[0, codes[-1]], [codes[-1], 255]])
        target = Target.of_labels(labels, [codes])

        def terms(p: Tensor) -> list[float]:
            l1, dice = losses.l1(target.level(p), target), losses.dice(p, target)
            return [l1.item(), dice.item(), losses.cross_entropy(p.log(), target, "softmax").item()]

        assert terms(divided) == pytest.approx(terms(SPLIT), abs=1e-5)

    def test_dice_of_a_zone_is_not_drowned_by_samples_that_do_not_tell_it(self) -> None:
        labels = torch.cat([_labels([[0, 1], [2, 3]]), _labels([[5, 5], [5, 5]])])
        p = torch.cat([UNIFORM, UNIFORM])
        # In the full sample TZ and DPU: (2 · 0.2 + 1) / (0.8 + 1 + 1) = 1/2, AFS, absent: 1 / 1.8 = 5/9; BACKGROUND and
        # PZ over both: (2 · 0.2 + 1) / (1.6 + 1 + 1) = 7/18; the central gland in the coarse one: (4.8 + 1) / (2.4 + 5)
        # six classes in all, of which five are the finest
        expected = (6 - (2 / 2 + 5 / 9 + 2 * 7 / 18 + 5.8 / 7.4)) / 5
        assert losses.dice(p, Target.of_labels(labels, [FULL, COARSE])).item() == pytest.approx(expected)

    def test_samples_of_one_batch_may_be_annotated_differently(self) -> None:
        labels = torch.cat([_labels([[0, 1], [5, 5]]), _labels([[0, 1], [2, 3]])])
        both = Target.of_labels(labels, [COARSE, FULL])
        p = torch.cat([SPLIT, UNIFORM])
        full = TestFullAnnotation.target
        assert losses.dice(both.zones, both).item() == pytest.approx(0, abs=1e-6)
        alone = (losses.l1(self.target.level(SPLIT), self.target) + losses.l1(UNIFORM, full)) / 2
        assert losses.l1(both.level(p), both).item() == pytest.approx(alone.item())


class TestMixedCodes:
    """An annotator who draws TZ, DPU and AFS where sure, and the central gland elsewhere."""

    codes = (*FULL, LabelCode.CENTRAL_GLAND)
    target = Target.of_labels(_labels([[0, 1], [2, 5]]), [codes])

    def test_only_the_coarse_pixel_is_levelled(self) -> None:
        level = self.target.level(SPLIT)
        assert level[0, :, 1, 0].tolist() == pytest.approx([0.1, 0.2, 0.5, 0.15, 0.05])
        assert level[0, :, 1, 1].tolist() == pytest.approx([0.1, 0.2, 0.7 / 3, 0.7 / 3, 0.7 / 3])

    def test_dice_leaves_the_coarse_pixel_out(self) -> None:
        known = Target.of_labels(_labels([[0, 1], [2, 255]]), [FULL])
        assert losses.dice(SPLIT, self.target).item() == pytest.approx(losses.dice(SPLIT, known).item())


class TestNotAnnotated:
    labels = _labels([[0, 1], [255, 255]])
    target = Target.of_labels(labels, [FULL])

    def test_the_discriminator_sees_nothing_there_on_either_side(self) -> None:
        assert not self.target.zones[0, :, 1].any()
        assert not self.target.level(SPLIT)[0, :, 1].any()

    def test_means_are_over_annotated_pixels(self) -> None:
        # |0.1 - 1| + 0.9; |0.2 - 1| + 0.8; over two pixels of five zones
        assert losses.l1(self.target.level(SPLIT), self.target).item() == pytest.approx((1.8 + 1.6) / 10)
        expected = -(math.log(0.1) + math.log(0.2)) / 2
        assert losses.cross_entropy(SPLIT.log(), self.target, "softmax").item() == pytest.approx(expected)

    @pytest.mark.parametrize("labels", [_labels([[0, 1], [255, 255]]), _labels([[255, 255], [255, 255]])])
    def test_what_lies_there_moves_nothing_and_gradients_are_finite(self, labels: Tensor) -> None:
        target = Target.of_labels(labels, [FULL])
        logits = torch.randn(1, 5, 2, 2, requires_grad=True)
        p = logits.softmax(dim=1)
        total = losses.l1(target.level(p), target) + losses.dice(p, target)
        total = total + losses.cross_entropy(logits, target, "softmax")
        (gradient,) = torch.autograd.grad(total, logits)
        assert math.isfinite(total.item())
        assert gradient.isfinite().all()
        assert not gradient[0, :, 1].any()


def test_cross_entropys_gradient_stays_finite_where_the_probability_vanishes() -> None:
    target = Target.of_labels(_labels([[5, 5], [5, 5]]), [COARSE])
    logits = _everywhere([500.0, 0.0, -500.0, -500.0, -500.0]).clone().requires_grad_()
    for head in ("softmax", "sigmoid"):
        loss = losses.cross_entropy(logits, target, head)
        (gradient,) = torch.autograd.grad(loss, logits)
        assert math.isfinite(loss.item())
        assert gradient.isfinite().all()
        assert gradient.abs().sum() > 0


def test_mass_on_a_zone_that_nobody_annotated_is_an_error() -> None:
    codes = (LabelCode.BACKGROUND, LabelCode.PZ)
    target = Target.of_labels(_labels([[0, 1], [0, 1]]), [codes])
    right = _everywhere([0.5, 0.5, 0.0, 0.0, 0.0])
    wrong = _everywhere([0.5, 0.3, 0.2, 0.0, 0.0])
    assert losses.l1(target.level(wrong), target) > losses.l1(target.level(right), target)
    assert losses.cross_entropy(wrong.log(), target, "softmax") > losses.cross_entropy(right.log(), target, "softmax")
    assert losses.dice(wrong, target) > losses.dice(right, target)


def test_codes_without_a_name_for_what_they_leave_together_are_refused() -> None:
    with pytest.raises(LabelError, match="never told apart"):
        Target.of_labels(_labels([[0, 1], [2, 6]]), [(LabelCode.BACKGROUND, LabelCode.TZ, LabelCode.WHOLE_GLAND)])


def test_shares_of_a_batch_that_add_their_sums_cost_what_the_batch_costs() -> None:
    labels = torch.cat([_labels([[0, 1], [2, 255]]), _labels([[5, 1], [0, 5]]), _labels([[3, 2], [1, 0]])])
    codes = [FULL, COARSE, FULL]
    logits = torch.randn(3, 5, 2, 2, generator=torch.Generator().manual_seed(0))

    def terms(mine: slice, total: Callable[[Tensor], Tensor]) -> list[float]:
        target = Target.of_labels(labels[mine], codes[mine], batch_codes=codes, total=total)
        p = logits[mine].softmax(dim=1)
        l1, cross_entropy = losses.l1(target.level(p), target), losses.cross_entropy(logits[mine], target, "softmax")
        return [value.item() for value in (l1, losses.dice(p, target), cross_entropy)]

    told: list[Tensor] = []
    terms(slice(2, 3), lambda total: told.append(total) or total)  # type: ignore[func-returns-value]
    found = terms(slice(0, 2), lambda total: total + told.pop(0))
    assert found == pytest.approx(terms(slice(0, 3), lambda total: total), rel=1e-6)
    assert told == []


def test_tables_first_asked_for_in_inference_serve_a_training() -> None:
    losses._membership.cache_clear()
    losses._class_zones.cache_clear()
    losses._same_class.cache_clear()
    for mode in (True, False):
        with torch.inference_mode(mode=mode):
            logits = torch.zeros(1, 5, 2, 2)
            logits.requires_grad_(not mode)
            labels = torch.ones(1, 2, 2, dtype=torch.uint8)
            target = losses.Target.of_labels(labels, [ALL_ZONE_CODES])
            loss = losses.dice(logits.softmax(dim=1), target) + losses.l1(target.level(logits.softmax(dim=1)), target)
    loss.backward()  # type: ignore[no-untyped-call]  # missing in PyTorch's stubs
    assert logits.grad is not None
    assert logits.grad.abs().sum() > 0
