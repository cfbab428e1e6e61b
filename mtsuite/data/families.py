"""Families of languages, for reading transfer matrices: no library of language codes gives them.

Names and grouping follow Glottolog at the level at which readers of translation tables think: branches of
Indo-European, whole families elsewhere.
"""

from __future__ import annotations

_TABLE = """
Albanian: sq als aae aln
Armenian: hy hyw
Austroasiatic: vi km kha sat mnw
Austronesian: id ms mg tl fil jv su ceb ilo war pag ace ban bjn bug min mi sm fj haw to ty zsm bcl pam ch
Aymaran: ay ayr
Baltic: lt lv ltg lvs sgs
Bantu: sw swh zu xh st tn ss nr ts ve nso sn ny rw rn lg ln lua kg ki kam kmb umb bem tum cjk luy
Basque: eu
Berber: kab tzm taq zgh ber shi rif tmh
Celtic: ga gd cy br gv kw
Chadic: ha
Cushitic: so om gaz aa
Dravidian: ta te kn ml tcy
Eskimo-Aleut: kl iu
Germanic: de en nl sv da no nb nn is fo lb li yi ydd af fy nds gsw sco ang bar
Hellenic: el grc
Indo-Aryan: hi ur bn pa pnb gu mr ne npi or ory as si sd sa bho mai mag hne awa ks gom kok skr rom dv doi
Iranian: fa pes prs tg ps pbt ku kmr ckb sdh os bal zza diq
Iroquoian: chr
Japonic: ja
Kartvelian: ka xmf
Koreanic: ko
Kra-Dai: th lo shn za tdd
Mande: bm dyu man mnk sus nqo
Mayan: quc kek yua
Mongolic: mn khk bua xal
Nilotic: luo dik din nus
Quechuan: qu quy quz
Romance: fr es it pt ro ca gl oc ast an la lij lmo vec scn sc fur rm wa co mwl pms nap lld
Semitic: ar arb arz ary ars acm acq aeb ajp apc apd ayl afb he am ti tig mt syr arc
Sinitic: zh cmn yue wuu lzh nan hak gan hsn cdo cjy mnp cpx czh czo
Slavic: bg cs pl ru uk sk sl hr sr bs mk be sh cnr hsb dsb rue csb szl cu
Tibeto-Burman: bo dz my mni lus kac new brx
Tupian: gn
Turkic: tr az azj azb kk ky uz uzn tk tt ba cv ug crh kaa sah gag kjh tyv alt
Uralic: fi et hu se kv mdf myv udm mhr mrj vro smn sma krl
Volta-Niger: yo ig ee fon ak tw
Atlantic: wo ff fuv srr
Gur: mos kbp
Nilo-Saharan: knc kr
Constructed: eo ia io ie vo tlh
Creole: ht pap tpi kea mfe bi
"""

FAMILIES: dict[str, str] = {
    code: family
    for family, _, codes in (line.partition(":") for line in _TABLE.strip().splitlines())
    for code in codes.split()
}
