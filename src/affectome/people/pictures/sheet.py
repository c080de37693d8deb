"""A contact sheet: thumbnails of what a rule kept, on one page that opens without a network."""

from __future__ import annotations

import base64
import io
import json
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from affectome.data import read_picture
from affectome.errors import InputError

SIDE = 160
MOST = 400
STYLE = """
:root{color-scheme:light dark}body{font:14px/1.45 system-ui,sans-serif;margin:1.5em}
main{display:grid;grid-template-columns:repeat(auto-fill,minmax(170px,1fr));gap:.6em}
figure{margin:0;padding:5px;border:2px solid transparent;border-radius:6px;outline-offset:1px}
figure:focus{outline:3px solid #3b7dd8}figure.no{opacity:.35}figure.yes{border-color:#3a9a5b}
img{display:block;width:100%;height:150px;object-fit:contain;background:#8881}
figcaption{font-size:12px;overflow-wrap:anywhere}kbd{border:1px solid #8888;border-radius:3px;
padding:0 .3em}button{font:inherit}
"""
SCRIPT = """
const all=[...document.querySelectorAll('figure')],key=document.body.dataset.key;
let marks={};try{marks=JSON.parse(localStorage.getItem(key)||'{}')}catch(e){}
const show=f=>{const m=marks[f.dataset.file];f.className=m||'';f.setAttribute('aria-label',
f.dataset.file+(m==='yes'?', chosen':m==='no'?', refused':''))};
const mark=(f,m)=>{marks[f.dataset.file]===m?delete marks[f.dataset.file]:marks[f.dataset.file]=m;
try{localStorage.setItem(key,JSON.stringify(marks))}catch(e){}show(f)};
all.forEach(show);
addEventListener('keydown',e=>{const i=all.indexOf(document.activeElement);
const wide=all.filter(f=>f.offsetTop===(all[0]||{}).offsetTop).length||1;
const last=all.length-1,to={ArrowRight:i+1,ArrowLeft:i-1,ArrowDown:i+wide,ArrowUp:i-wide,Home:0,
End:last}[e.key];
if(to!==undefined&&all.length){e.preventDefault();all[Math.max(0,Math.min(all.length-1,to))].focus()}
else if(i>=0&&(e.key==='y'||e.key===' ')){e.preventDefault();mark(all[i],'yes')}
else if(i>=0&&e.key==='n'){mark(all[i],'no')}});
document.querySelector('button').onclick=()=>{const a=document.createElement('a');
const lines=all.map(f=>f.dataset.file).filter(name=>marks[name]!=='no');
a.href='data:text/plain;charset=utf-8,'+encodeURIComponent(lines.join('\\n')+'\\n');
a.download='chosen.txt';a.click()};
"""


def contact_sheet(folder: Path, table: pd.DataFrame, result: dict[str, Any]) -> str:
    """Draw the page.

    Parameters
    ----------
    folder
        Where the pictures lie.
    table
        Rows to show, see `affectome.people.pictures.screening.Screened`; the first 400 of them.
    result
        ``result.json``.
    """
    rows: list[dict[str, Any]] = table.head(MOST).to_dict("records")  # type: ignore[assignment]
    figures = "\n".join(_figure(folder, row) for row in rows)
    counts = result["decisions"]
    more = f" The first {MOST} of {len(table)} are shown." if len(table) > MOST else ""
    notes = "".join(f"<p>{escape(note)}</p>" for note in result["warnings"])
    if result["skipped"]:
        lines = (f"<li>{escape(one['file'])}: {escape(one['why'])}" for one in result["skipped"])
        notes += (
            f"<details><summary>{len(result['skipped'])} files could not be read</summary>"
            f"<ul>{''.join(lines)}</ul></details>"
        )
    head = (
        f"{counts['keep']} kept, {counts['leave']} left, {counts['abstain']} abstained "
        f"({result['abstained']:.0%}) of {result['pictures']} pictures"
    )
    rule = f"keep {result['keep']}, probability at least {result['threshold']:g}"
    return (
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>Screened pictures</title>"
        "<meta name='viewport' content='width=device-width'>"
        f"<style>{STYLE}</style><body data-key='{escape(result['key'])}'>"
        f"<h1>{escape(head)}</h1><p>{escape(rule)}.{more} <kbd>←</kbd><kbd>→</kbd><kbd>↑</kbd>"
        "<kbd>↓</kbd> move, <kbd>y</kbd> or space chooses, <kbd>n</kbd> refuses; marks stay in "
        "this browser. Nothing is deleted. <button>Save the list without the refused</button></p>"
        f"{notes}<main>{figures}</main><script>{SCRIPT}</script></body></html>\n"
    )


def _figure(folder: Path, row: dict[str, Any]) -> str:
    name = str(row["file"])
    words = [f"{row['probability']:.2f}"]
    words += [
        f"{n} {row[n]:.1f} ({row[f'{n}_low']:.1f} to {row[f'{n}_high']:.1f})"
        for n in ("valence", "arousal")
        if n in row
    ]
    return (
        f"<figure tabindex='0' data-file='{escape(name, quote=True)}'>"
        f"<img loading='lazy' alt='' src='{_thumbnail(folder / name)}'>"
        f"<figcaption>{escape(name)}<br>{escape(' · '.join(words))}</figcaption></figure>"
    )


def _thumbnail(file: Path) -> str:
    try:
        image = Image.fromarray(read_picture(file, at_least=SIDE))
    except InputError:  # it was there when it was read
        return ""
    image.thumbnail((SIDE, SIDE))
    content = io.BytesIO()
    image.save(content, "JPEG", quality=70)
    return f"data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode()}"


def sheet_key(result: dict[str, Any]) -> str:
    """Name under which a browser keeps the marks of one run."""
    return "affectome " + json.dumps([result["keep"], result["threshold"], result["digest"]])
