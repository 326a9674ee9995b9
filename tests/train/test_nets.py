"""One contract for all networks, and what is particular to each."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from humatte.train.export import to_onnx
from humatte.train.losses import predict
from humatte.train.nets import NETS
from humatte.train.nets.asymmetric import AsymmetricConv, ConvNorm, NormPlace, fuse
from humatte.train.nets.dark import Dark
from humatte.train.nets.dark_light import DarkLight
from humatte.train.nets.dawn import Dawn
from humatte.train.nets.layers import StridedDepthwise, gray_255, same_conv, softmax
from humatte.train.nets.night_lite import NightLite
from humatte.train.nets.shm import BACKGROUND, PERSON, UNSURE, Shm
from humatte.train.nets.transposed import ToOneChannel, TransposedConv

# Small enough for one thread, wide enough that no layer is left with one channel.
WIDTHS = {"fcn8s": 1 / 32, "unet": 1 / 16}
WIDTH = 0.25

# Weights that are trained, at full width.
PARAMETERS = {
    "night": 1_768_802,
    "dark": 1_768_514,
    "dark-light": 321_882,
    "night-lite": 490_548,
    "fcn8s": 134_270_278,
    "unet": 31_031_810,
    "shm": 3_114_179,
    "dawn": 2_307_444,
}


def build(name: str) -> nn.Module:
    torch.manual_seed(7)
    return NETS[name](width=WIDTHS.get(name, WIDTH))


def draw(*shape: int, seed: int = 1) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def stride(network: nn.Module) -> int:
    assert isinstance(network.stride, int)
    return network.stride


@torch.no_grad()
def settle(network: nn.Module, *shape: int) -> None:
    """Gives every BatchNorm factors, and the statistics that follow from them, as training would.

    Statistics drawn at random would let values grow from layer to layer, and rounding with them.
    """
    random = torch.Generator().manual_seed(3)
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.weight.uniform_(0.5, 1.5, generator=random)
        norm.bias.normal_(0, 0.3, generator=random)
        norm.momentum = 1.0
    network.train()
    network(draw(*(shape or (2, 3, 96, 96)), seed=4))
    network.eval()


@pytest.mark.parametrize("name", NETS)
@torch.no_grad()
def test_alpha_has_the_pictures_size_and_lies_in_0_1(name: str) -> None:
    network = build(name).eval()
    side = stride(network)
    for size in ((side, side), (2 * side, 3 * side), (5 * side, side)):
        for batch in (1, 2):
            alpha = network(draw(batch, 3, *size))
            assert alpha.shape == (batch, 1, *size) and alpha.dtype == torch.float32
            assert alpha.min() >= 0 and alpha.max() <= 1


@pytest.mark.parametrize("name", NETS)
@torch.no_grad()
def test_a_picture_of_a_batch_is_what_it_is_alone(name: str) -> None:
    network = build(name)
    settle(network)
    batch = draw(3, 3, 64, 64)
    together = network(batch)
    assert torch.equal(together, network(batch))
    alone = torch.cat([network(picture[None]) for picture in batch])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)
    assert not torch.allclose(together[0], together[1])


@pytest.mark.parametrize("name", NETS)
def test_every_weight_gets_a_finite_gradient(name: str) -> None:
    network = build(name).train()
    batch, truth = draw(2, 3, 64, 64), draw(2, 1, 64, 64, seed=2)
    if isinstance(network, Shm):
        parts = network.parts(batch)
        loss = F.l1_loss(parts.alpha, truth) + parts.trimap.square().mean()
    else:
        scores = network.logits(batch)  # type: ignore[operator]
        assert scores.shape == (2, 2, 64, 64)
        loss = F.binary_cross_entropy_with_logits(scores[:, 1:] - scores[:, :1], truth)
    loss.backward()
    for key, parameter in network.named_parameters():
        assert parameter.grad is not None, key
        assert torch.isfinite(parameter.grad).all(), key
    moved = [key for key, p in network.named_parameters() if p.grad is not None and p.grad.any()]
    still = {key for key, _ in network.named_parameters()} - set(moved)
    # A bias before a BatchNorm of the batch moves nothing but rounding.
    assert all(key.endswith("bias") for key in still), still


@pytest.mark.parametrize("name", NETS)
@torch.no_grad()
def test_mixed_precision_leaves_alpha_its_last_bits(name: str) -> None:
    network = build(name)
    with torch.autocast("cpu", torch.bfloat16):
        prediction, alpha = predict(network, draw(1, 3, 64, 64)), network(draw(1, 3, 64, 64))
    found = [part for part in (*prediction, alpha) if part is not None]
    assert [part.dtype for part in found] == [torch.float32] * len(found)
    assert not torch.equal(prediction.alpha, prediction.alpha.bfloat16().float())


@pytest.mark.parametrize("name", [name for name in NETS if name != "shm"])
@torch.no_grad()
def test_alpha_is_the_softmax_of_the_logits(name: str) -> None:
    network = build(name).eval()
    batch = draw(1, 3, 64, 96)
    expected = network.logits(batch).softmax(dim=1)[:, 1:]  # type: ignore[operator]
    torch.testing.assert_close(network(batch), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", NETS)
def test_learning_rate_scales_name_parameters(name: str) -> None:
    network = build(name)
    scales = getattr(network, "learning_rate_scales", dict)()
    assert set(scales) <= {key for key, _ in network.named_parameters()}


@pytest.mark.parametrize("name", NETS)
def test_the_number_of_weights_at_full_width(name: str) -> None:
    with torch.device("meta"):
        network = NETS[name]()
    assert sum(p.numel() for p in network.parameters()) == PARAMETERS[name]


def test_the_sizes_that_are_promised() -> None:
    def megabytes(network: nn.Module) -> float:
        return sum(p.numel() for p in network.parameters()) * 4 / 1e6

    assert megabytes(NightLite().fuse()) / 2 <= 1.0  # stored as float16
    assert megabytes(DarkLight().fuse()) <= 1.0
    assert megabytes(Dawn()) <= 16.0
    with torch.device("meta"):
        assert megabytes(NETS["fcn8s"]()) > 500


def assert_parity(network: nn.Module) -> None:
    side = stride(network)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    data = to_onnx(network, side).SerializeToString()
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    for size in ((side, side), (3 * side, 2 * side), (4 * side, 5 * side)):
        for count in (1, 3):
            batch = draw(count, 3, *size)
            with torch.no_grad():
                expected = network(batch).numpy()
            (alpha,) = session.run(None, {"batch": batch.numpy()})
            np.testing.assert_allclose(alpha, expected, atol=1e-4, rtol=0)


# The exporter takes seconds. night's is in the quick run, in test_export; every export proves
# itself when it is made.
@pytest.mark.slow
@pytest.mark.timeout(400)  # a busy machine
@pytest.mark.parametrize("name", NETS)
def test_onnx_gives_the_same_alpha_at_any_size(name: str) -> None:
    network = build(name)
    settle(network)
    # Fused, as it is shipped: less for the exporter to do, which is where the time of this goes.
    assert_parity(fuse(network))


@pytest.mark.slow
def test_the_training_form_exports_too() -> None:
    network = build("dark-light")
    settle(network)
    assert_parity(network)


@pytest.mark.parametrize("norm_place", ["sum", "branch"])
@pytest.mark.parametrize("network", [DarkLight, NightLite])
@torch.no_grad()
def test_fusing_keeps_the_function(network: Any, norm_place: NormPlace) -> None:
    torch.manual_seed(5)
    trained = network(width=0.5, norm_place=norm_place)
    settle(trained)
    fused = trained.fuse()
    assert not any(
        isinstance(m, (AsymmetricConv, ConvNorm, nn.BatchNorm2d)) for m in fused.modules()
    )
    assert any(isinstance(m, AsymmetricConv) for m in trained.modules())
    batch = draw(2, 3, 64, 96)
    torch.testing.assert_close(fused(batch), trained(batch), atol=1e-5, rtol=0)


@torch.no_grad()
def test_shm_fuses_its_norms_away() -> None:
    network = Shm(width=WIDTH)
    settle(network)
    fused = network.fuse()
    gone = (nn.BatchNorm2d, nn.ConvTranspose2d)
    assert not any(isinstance(module, gone) for module in fused.modules())
    batch = draw(1, 3, 32, 48)
    torch.testing.assert_close(fused(batch), network(batch), atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [(1, 1), (1, 4), (5, 3)])
@torch.no_grad()
def test_a_transposed_convolution_is_a_plain_one(size: tuple[int, int]) -> None:
    transposed = TransposedConv(3, 2)
    batch = draw(2, 3, *size)
    found = transposed.fused()(batch)
    assert found.shape == (2, 2, 2 * size[0], 2 * size[1])
    torch.testing.assert_close(found, transposed(batch))


@pytest.mark.parametrize("size", [(4, 4), (4, 16), (20, 12)])
@torch.no_grad()
def test_a_convolution_to_one_channel_is_one_of_blocks(size: tuple[int, int]) -> None:
    plain = ToOneChannel(3)
    batch = draw(2, 3, *size)
    torch.testing.assert_close(plain.fused()(batch), plain(batch))


def test_the_softmax_written_out_is_the_softmax() -> None:
    logits = 200 * draw(2, 3, 4, 5) - 100
    torch.testing.assert_close(softmax(logits), logits.softmax(dim=1))


@torch.no_grad()
def test_the_published_inference_form_fuses_too() -> None:
    plain = DarkLight(width=0.5, form="inference")
    settle(plain)
    batch = draw(1, 3, 64, 64)
    torch.testing.assert_close(plain.fuse()(batch), plain(batch), atol=1e-5, rtol=0)


@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize("stride_", [1, 2])
@pytest.mark.parametrize("norm_place", ["sum", "branch"])
@torch.no_grad()
def test_an_asymmetric_block_is_three_convolutions(
    norm_place: NormPlace, stride_: int, groups: int
) -> None:
    torch.manual_seed(2)
    block = AsymmetricConv(4, 8, stride_, groups, norm_place)
    settle(block, 2, 4, 10, 12)
    for parameter in block.parameters():
        if parameter.ndim == 1:
            parameter.add_(0.1)  # biases that are not 0
    x = draw(2, 4, 10, 12) - 0.5
    for training in (False, True):
        block.train(training)
        # The plain computation: three convolutions, their outputs summed, as the paper draws it.
        branches = (block.square, block.row, block.column)
        expected = block.norm(branches[0](x) + branches[1](x) + branches[2](x))
        torch.testing.assert_close(block(x), expected, atol=1e-5, rtol=1e-5)
    block.eval()
    torch.testing.assert_close(block.fused()(x), block(x), atol=1e-5, rtol=1e-5)


def test_the_summed_kernel_trains_as_three_convolutions_do() -> None:
    torch.manual_seed(2)
    block = AsymmetricConv(3, 4)
    x = draw(2, 3, 8, 8)
    names = [name for name, _ in block.named_parameters()]
    block(x).square().mean().backward()
    gradients = [p.grad.clone() for p in block.parameters() if p.grad is not None]
    block.zero_grad()
    block.norm(block.square(x) + block.row(x) + block.column(x)).square().mean().backward()
    for name, ours, parameter in zip(names, gradients, block.parameters(), strict=True):
        torch.testing.assert_close(ours, parameter.grad, atol=1e-6, rtol=1e-4, msg=name)


@torch.no_grad()
def test_fusing_leaves_the_original_alone() -> None:
    network = NightLite(width=WIDTH)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    fuse(network)
    assert network.training
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())


def test_a_strided_depthwise_convolution_in_bf16_is_that_in_fp32() -> None:
    torch.manual_seed(2)
    conv = same_conv(4, 4, stride=2, groups=4)
    assert isinstance(conv, StridedDepthwise)
    x = draw(2, 4, 10, 12).bfloat16()
    exact = F.conv2d(x.float(), conv.weight, conv.bias, 2, 1, groups=4)
    with torch.autocast("cpu", torch.bfloat16):
        found = conv(x)
    assert found.dtype == torch.bfloat16
    assert torch.equal(found, exact.bfloat16())
    torch.testing.assert_close(conv(x.float()), exact)


@torch.no_grad()
def test_dawn_sees_every_pixel() -> None:
    torch.manual_seed(2)
    network = Dawn(width=WIDTH).eval()
    plain = draw(1, 3, 64, 64)
    for row, column in ((20, 31), (21, 30)):
        changed = plain.clone()
        changed[..., row, column] = 1 - changed[..., row, column]
        moved = (network.score(changed) - network.score(plain)).abs()[0, 0]
        assert moved[row, column] > 0
        assert moved[0, 63] < moved.max()  # what is far away knows little of it


def test_gray_is_opencvs() -> None:
    import cv2

    picture = (draw(1, 3, 16, 16) * 255).round()
    image = picture[0].permute(1, 2, 0).numpy().astype(np.uint8)
    expected = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    gray = gray_255(picture / 255)[0, 0].numpy()
    assert np.abs(gray - expected).max() <= 0.5 + 1e-3  # OpenCV rounds to bytes


@pytest.mark.parametrize("network", [Dark, DarkLight])
@torch.no_grad()
def test_gray_networks_see_no_colour(network: Any) -> None:
    network = network(width=WIDTH)
    settle(network)
    batch = draw(1, 3, 32, 32)
    same = gray_255(batch).expand(-1, 3, -1, -1) / 255
    torch.testing.assert_close(network(batch), network(same), atol=1e-5, rtol=0)


@torch.no_grad()
def test_shm_fuses_person_and_unsure() -> None:
    network = Shm(width=WIDTH).eval()
    parts = network.parts(draw(2, 3, 32, 48))
    assert parts.trimap.shape == (2, 3, 32, 48) and parts.raw_alpha.shape == (2, 1, 32, 48)
    shares = parts.trimap.softmax(dim=1)
    assert (BACKGROUND, UNSURE, PERSON) == (0, 1, 2)
    expected = shares[:, 2:3] + shares[:, 1:2] * parts.raw_alpha
    torch.testing.assert_close(parts.alpha, expected)
    torch.testing.assert_close(network(draw(2, 3, 32, 48)), expected.clamp(0, 1))


@torch.no_grad()
def test_shms_trimap_network_trains_alone() -> None:
    network = NETS["shm"](width=0.25)
    prediction = predict(network, draw(2, 3, 32, 48), {"trimap"})
    assert prediction.trimap is not None
    assert int(network.detail_net.encoder[0][0].norm.num_batches_tracked) == 0
    shares = prediction.trimap.softmax(dim=1)
    assert torch.allclose(prediction.alpha, shares[:, 2:] + shares[:, 1:2] / 2)


def test_shm_is_fed_bgr_without_its_mean() -> None:
    colour = torch.tensor([134.0, 121.0, 114.0 + 51.0]) / 255  # R, G, B
    fed = Shm(width=WIDTH).original_input(colour.view(1, 3, 1, 1))
    torch.testing.assert_close(fed.flatten(), torch.tensor([0.2, 0.0, 0.0]), atol=1e-6, rtol=0)
