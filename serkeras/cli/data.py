"""The commands about recordings: data, audit, features, images."""

from serkeras.cli import options


def add_data(subparsers):
    """Add the command `data`."""
    command = options.add_command(
        subparsers,
        "data",
        data,
        "list the corpora, or show, download or tabulate one",
        """
        python -m serkeras data                        all corpora, and which are at hand
        python -m serkeras data ravdess                licence, counts, where to get it
        python -m serkeras data ravdess --download     fetch it, where that is allowed
        python -m serkeras data my.csv --csv clips.csv write the table of clips
        """,
    )
    command.add_argument("corpus", nargs="?", help=options.DATA_HELP.split(";")[0])
    command.add_argument("--download", action="store_true", help="fetch and unpack the corpus")
    command.add_argument("--csv", metavar="FILE", help="write the manifest, one row a clip")
    options.add_scheme(command)


def data(arguments):
    """List corpora, or show, download or tabulate one."""
    from serkeras import datasets

    if arguments.corpus is None:
        return _list_corpora()
    if arguments.download:
        print(datasets.download(arguments.corpus))
        return 0
    if arguments.corpus in datasets.names():
        print(datasets.card(arguments.corpus), end="\n\n")
        if arguments.corpus != "synthetic" and datasets.find(arguments.corpus) is None:
            print(f"Not at hand. {datasets.how_to_get(arguments.corpus)}")
            return 0
    clips = datasets.load_many([arguments.corpus], arguments.label_scheme or "own")
    if arguments.csv:
        options.write_csv(arguments.csv, clips)
    print(f"{len(clips)} clips, {clips['speaker'].nunique()} speakers at hand")
    print(clips.groupby(["corpus", "emotion"]).size().unstack("corpus").to_string())
    return 0


def _list_corpora():
    from serkeras import datasets

    for name in datasets.names():
        place = datasets.find(name)
        where = place if place else "not at hand; `data " + name + "` says how to get it"
        print(f"{name:<10} {datasets.card(name).title}\n{'':<10} {where}")
    return 0


def add_audit(subparsers):
    """Add the command `audit`."""
    command = options.add_command(
        subparsers,
        "audit",
        audit,
        "look for broken, silent, clipped, doubled and contradictory files",
        """
        python -m serkeras audit --data ravdess
        python -m serkeras audit --data my_folder --csv findings.csv
        """,
    )
    options.add_data(command)
    command.add_argument("--csv", metavar="FILE", help="write the findings")
    command.add_argument("--quiet", action="store_true", help="no progress bar")


def audit(arguments):
    """Print what is wrong with the files of the corpora named."""
    from serkeras import datasets

    clips = datasets.load_many(arguments.data or ["synthetic"], progress=not arguments.quiet)
    findings = datasets.audit(clips, progress=not arguments.quiet)
    if arguments.csv:
        options.write_csv(arguments.csv, findings)
    if findings.empty:
        print(f"{len(clips)} clips, nothing found")
        return 0
    print(f"{len(clips)} clips, {len(findings)} findings")
    for kind, group in findings.groupby("finding"):
        print(f"\n{kind} ({len(group)})")
        for row in group.head(10).itertuples():
            print(f"  {row.clip}: {row.detail}")
        if len(group) > 10:
            print(f"  ... and {len(group) - 10} more (--csv FILE has all)")
    return 1


def add_features(subparsers):
    """Add the command `features`."""
    command = options.add_command(
        subparsers,
        "features",
        features,
        "compute features into the cache, so that later runs start at once",
        """
        python -m serkeras features                            the names of all features
        python -m serkeras features --data ravdess --feature mfcc
        python -m serkeras features --data tess --feature log_mel --set hop_length=256
        python -m serkeras features --data emodb --feature mel+chroma --set audio.duration_s=5
        python -m serkeras features --data ravdess --atlas atlas.png    one page of all features
        """,
    )
    options.add_data(command)
    command.add_argument("--feature", help="a name, or several joined with +")
    options.add_set(command, "hop_length=256", "a setting of the feature, or audio.NAME")
    command.add_argument(
        "--atlas", metavar="FILE", help="draw the features of a speaker's emotions instead, a PNG"
    )
    options.add_work(command)


def features(arguments):
    """Fill the feature cache."""
    from serkeras.features import cache, registry

    if arguments.atlas:
        return _draw_atlas(arguments)
    if arguments.feature is None and not arguments.data and not arguments.settings:
        print("\n".join(registry.names()))
        return 0
    audio, settings = _front_end(arguments.feature or "mfcc", arguments.settings)
    found = cache.extract(
        _clips(arguments),
        audio=audio,
        features=settings,
        n_jobs=arguments.jobs,
        on_error="skip" if arguments.skip_broken else "raise",
        progress=not arguments.quiet,
    )
    count, *shape = found.x.shape
    print(f"{count} clips of {' x '.join(map(str, shape))}: {found.x.filename}")
    return options.name_failed(found.failed.itertuples(index=False))


def _draw_atlas(arguments):
    """Draw all features, or the one named."""
    from serkeras.evaluation import atlas

    audio, settings = _front_end(arguments.feature or "mfcc", arguments.settings)
    rows = None
    if arguments.feature:
        rows = [settings]
    elif any(not name.startswith("audio.") for name, _ in arguments.settings):
        rows = atlas.default_rows(settings)
    atlas.write(arguments.atlas, _clips(arguments), audio=audio, features=rows)
    print(arguments.atlas)
    return 0


def _clips(arguments):
    from serkeras import datasets

    return datasets.load_many(
        arguments.data or ["synthetic"],
        getattr(arguments, "label_scheme", None) or "own",
        progress=not arguments.quiet,
    )


def _front_end(feature, assignments):
    """Return AudioConfig and FeatureConfig with settings such as ("audio.fit", "keep")."""
    from serkeras.config import AudioConfig, FeatureConfig

    parts = {"audio": {}, "features": {"name": feature}}
    for name, value in assignments:
        part, dot, last = name.partition(".")
        if dot and part not in parts:
            raise ValueError(
                "A setting here must be one of the feature, or audio.NAME. "
                f"Received: {name!r}. `train` takes the others."
            )
        parts[part if dot else "features"][last if dot else name] = value
    audio = AudioConfig.from_dict(parts["audio"])
    return audio, FeatureConfig.from_dict(parts["features"])


def add_images(subparsers):
    """Add the command `images`."""
    command = options.add_command(
        subparsers,
        "images",
        images,
        "write spectrograms as PNG files, a folder a side and emotion, for image models",
        """
        python -m serkeras images --data ravdess --split speaker --out pictures
        python -m serkeras images --out pictures --set image_size=299 --set colormap=viridis
        keras.utils.image_dataset_from_directory("pictures/train") reads them.
        """,
    )
    options.add_data(command)
    command.add_argument("--out", required=True, metavar="DIR", help="folder to write to")
    command.add_argument("--split", default="speaker", metavar="KIND", help=options.SPLIT_HELP)
    command.add_argument("--seed", type=int, default=0, help="of the split (0)")
    options.add_set(command, "image_size=299", "a setting of the pictures, or audio.NAME")
    options.add_scheme(command)
    options.add_work(command)


def images(arguments):
    """Write a folder of spectrogram pictures."""
    from serkeras import splits
    from serkeras.features import image_folder

    audio, settings = _front_end("mel_image", arguments.settings)
    failed = image_folder.write(
        splits.make(_clips(arguments), arguments.split, seed=arguments.seed).sides,
        arguments.out,
        audio=audio,
        features=settings,
        n_jobs=arguments.jobs,
        on_error="skip" if arguments.skip_broken else "raise",
        progress=not arguments.quiet,
    )
    print(f"pictures: {arguments.out}")
    return options.name_failed(failed.itertuples(index=False))
