# %%
# Set-up, the same in every notebook. It does nothing where serkeras is installed; elsewhere (on
# Colab, say) it installs the checkout this notebook lies in, or the repository named here.
import importlib.util
import os
import subprocess
import sys

REPOSITORY = os.environ.get("SERKERAS_REPOSITORY", "{repository}")

if importlib.util.find_spec("serkeras") is None:
    checkouts = [path for path in (".", "..", "../..") if os.path.isdir(f"{path}/serkeras")]
    if not checkouts and not REPOSITORY:
        raise RuntimeError(
            "serkeras is not installed. Received: no checkout beside this notebook and an empty "
            "REPOSITORY. Set REPOSITORY above to the address you clone serkeras from."
        )
    kit = os.path.abspath(checkouts[0]) if checkouts else f"git+{REPOSITORY}"
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", kit], check=True)
    importlib.invalidate_caches()

# %matplotlib inline
