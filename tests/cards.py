"""Cards and held-out differences of simulated architectures."""

from service.contract.card import DataSource, Description, Difference, EpochTrace, Metrics, RawFeature, Recipe, Target
from tests.simulated import Profile

RELEASE = "20261124t144319-560c96"
GAP_HALF_WIDTH = 0.005
"""Of the interval of a difference in accuracy: that of some 4,000 held-out rows."""
RECIPE = Recipe(
    epochs=20,
    batch_size=80,
    learning_rate=0.004,
    weight_decay=0.1,
    dropout=0.1,
    product_weight=0.1,
    seed=0,
    optimizer="AdamW",
    schedule="linear rise, then cosine",
    selection="lowest validation loss",
)


def make_differences(profiles: tuple[Profile, ...]) -> dict[str, Difference]:
    """Compare the accuracies as a release's evaluation does."""
    best = max(profiles, key=lambda profile: profile.accuracy)
    return {
        profile.name: Difference(
            best=best.name,
            mean=profile.accuracy - best.accuracy,
            low=profile.accuracy - best.accuracy - GAP_HALF_WIDTH,
            high=profile.accuracy - best.accuracy + GAP_HALF_WIDTH,
        )
        for profile in profiles
        if profile is not best
    }


def make_card(profile: Profile) -> Description:
    """Describe a trained architecture."""
    epochs = range(1, 21)
    return Description(
        release=RELEASE,
        architecture=profile.name,
        task="classification",
        target=Target(name="alarm", positive_class="yes", negative_class="no"),
        depth=profile.depth,
        width=profile.width,
        parameters=profile.parameters,
        bytes=4 * profile.parameters + 700,
        raw_features=[RawFeature(name="x1", minimum=0, maximum=1)],
        feature_names=["x1", "x1 x1"],
        recipe=RECIPE,
        data=DataSource(
            source="generated",
            fingerprint="0",
            rows=10_000,
            train_rows=8_700,
            validation_rows=1_300,
            test_rows=20_000,
            seed=0,
        ),
        trace=[
            EpochTrace(
                epoch=epoch,
                train_loss=0.11 + 0.6 / epoch ** (1 + profile.depth / 20),
                validation_loss=0.19 + 0.5 / epoch ** (1 + profile.depth / 20),
                validation_accuracy=profile.accuracy - 0.2 / epoch,
                observation="falling",
            )
            for epoch in epochs
        ],
        test=Metrics(loss=0.154, accuracy=profile.accuracy, auc=0.98, brier=0.046),
        train_seconds=profile.train_seconds,
        peak_memory_bytes=round(21.3e6 + 3 * profile.parameters),
        libraries={"torch": "2.13.0"},
    )
