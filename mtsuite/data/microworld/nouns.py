"""The nouns.  The order inside a kind is the rank of the Zipf law.

- en: singular, plural when irregular (no plural is used for mass nouns)
- de: singular, gender, plural, ``w`` when weak (the form of the plural in all cases but the nominative)
- it, fr: singular, gender, plural when irregular
- ar: singular, gender, plural; ``!`` after a form that takes no alif in the indefinite accusative
- zh: word, classifier
"""

from __future__ import annotations

from mtsuite.data.microworld.tables import read_table

NOUNS = read_table("""
man person | man men | Mann m Männer | uomo m uomini | homme m | رجل m رجال | 男人 个
woman person | woman women | Frau f Frauen | donna f | femme f | سيدة f سيدات | 女人 个
child person | child children | Kind n Kinder | bambino m | enfant m | طفل m أطفال | 孩子 个
teacher person | teacher | Lehrer m Lehrer | maestro m | enseignant m | معلم m معلمون | 老师 位
student person | student | Student m Studenten w | studente m | étudiant m | طالب m طلاب | 学生 个
girl person | girl | Mädchen n Mädchen | ragazza f | fille f | فتاة f فتيات | 女孩 个
boy person | boy | Junge m Jungen w | ragazzo m | garçon m | ولد m أولاد | 男孩 个
doctor person | doctor | Arzt m Ärzte | medico m medici | médecin m | طبيب m أطباء | 医生 位
friend person | friend | Freund m Freunde | amico m amici | ami m | صديق m أصدقاء | 朋友 个
neighbour person | neighbour | Nachbar m Nachbarn w | vicino m | voisin m | جار m جيران | 邻居 个
king person | king | König m Könige | re m re | roi m | ملك m ملوك | 国王 位
farmer person | farmer | Bauer m Bauern w | contadino m | paysan m | فلاح m فلاحون | 农民 个
queen person | queen | Königin f Königinnen | regina f | reine f | ملكة f ملكات | 女王 位
artist person | artist | Künstler m Künstler | artista m | artiste m | فنان m فنانون | 艺术家 位
cook person | cook | Koch m Köche | cuoco m cuochi | cuisinier m | طباخ m طباخون | 厨师 位
engineer person | engineer | Ingenieur m Ingenieure | ingegnere m | ingénieur m | مهندس m مهندسون | 工程师 位
soldier person | soldier | Soldat m Soldaten w | soldato m | soldat m | جندي m جنود | 士兵 个
author person | author | Autor m Autoren | autore m | auteur m | مؤلف m مؤلفون | 作家 位
singer person | singer | Sängerin f Sängerinnen | cantante f | chanteuse f | مغنية f مغنيات | 歌手 位
journalist person | journalist | Journalist m Journalisten w | giornalista m | journaliste m | صحفي m صحفيون | 记者 位
nurse person | nurse | Krankenschwester f Krankenschwestern | infermiera f | infirmière f | ممرضة f ممرضات | 护士 位
policeman person | policeman policemen | Polizist m Polizisten w | poliziotto m | policier m | شرطي m شرطيون | 警察 个
merchant person | merchant | Händler m Händler | mercante m | marchand m | تاجر m تجار | 商人 个
thief person | thief thieves | Dieb m Diebe | ladro m | voleur m | لص m لصوص | 小偷 个
driver person | driver | Fahrer m Fahrer | autista m | chauffeur m | سائق m سائقون | 司机 个
guest person | guest | Gast m Gäste | ospite m | invité m | ضيف m ضيوف | 客人 位
prince person | prince | Prinz m Prinzen w | principe m | prince m | أمير m أمراء | 王子 位
princess person | princess | Prinzessin f Prinzessinnen | principessa f | princesse f | أميرة f أميرات | 公主 位
actor person | actor | Schauspieler m Schauspieler | attore m | acteur m | ممثل m ممثلون | 演员 个
baker person | baker | Bäcker m Bäcker | fornaio m | boulanger m | خباز m خبازون | 面包师 个
poet person | poet | Dichter m Dichter | poeta m | poète m | شاعر m شعراء | 诗人 位
minister person | minister | Minister m Minister | ministro m | ministre m | وزير m وزراء | 部长 位
president person | president | Präsident m Präsidenten w | presidente m | président m | رئيس m رؤساء | 总统 位
tourist person | tourist | Tourist m Touristen w | turista m | touriste m | سائح m سياح | 游客 个
fisherman person | fisherman fishermen | Fischer m Fischer | pescatore m | pêcheur m | صياد m صيادون | 渔夫 个
gardener person | gardener | Gärtner m Gärtner | giardiniere m | jardinier m | بستاني m بستانيون | 园丁 个
waiter person | waiter | Kellner m Kellner | cameriere m | serveur m | نادل m نوادل! | 服务员 个
captain person | captain | Kapitän m Kapitäne | capitano m | capitaine m | قبطان m قباطنة | 队长 位
secretary person | secretary | Sekretärin f Sekretärinnen | segretaria f | secrétaire f | سكرتيرة f سكرتيرات | 秘书 位
mother family | mother | Mutter f Mütter | madre f | mère f | والدة f والدات | 母亲 位
father family | father | Vater m Väter | padre m | père m | والد m آباء | 父亲 位
brother family | brother | Bruder m Brüder | fratello m | frère m | شقيق m أشقاء | 哥哥 个
sister family | sister | Schwester f Schwestern | sorella f | sœur f | شقيقة f شقيقات | 姐姐 个
son family | son | Sohn m Söhne | figlio m | fils m | ابن m أبناء | 儿子 个
grandmother family | grandmother | Großmutter f Großmütter | nonna f | grand-mère f grands-mères | جدة f جدات | 奶奶 位
grandfather family | grandfather | Großvater m Großväter | nonno m | grand-père m grands-pères | جد m أجداد | 爷爷 位
husband family | husband | Ehemann m Ehemänner | marito m | mari m | زوج m أزواج | 丈夫 个
wife family | wife wives | Ehefrau f Ehefrauen | moglie f | épouse f | زوجة f زوجات | 妻子 个
uncle family | uncle | Onkel m Onkel | zio m zii | oncle m | عم m أعمام | 叔叔 个
aunt family | aunt | Tante f Tanten | zia f | tante f | عمة f عمات | 阿姨 个
dog animal | dog | Hund m Hunde | cane m | chien m | كلب m كلاب | 狗 只
cat animal | cat | Katze f Katzen | gatto m | chat m | قطة f قطط | 猫 只
horse animal | horse | Pferd n Pferde | cavallo m | cheval m | حصان m أحصنة | 马 匹
bird animal | bird | Vogel m Vögel | uccello m | oiseau m | طائر m طيور | 鸟 只
cow animal | cow | Kuh f Kühe | mucca f | vache f | بقرة f بقرات | 牛 头
fish animal | fish fish | Fisch m Fische | pesce m | poisson m | سمكة f أسماك | 鱼 条
sheep animal | sheep sheep | Schaf n Schafe | pecora f | mouton m | خروف m خراف | 羊 只
lion animal | lion | Löwe m Löwen w | leone m | lion m | أسد m أسود | 狮子 头
mouse animal | mouse mice | Maus f Mäuse | topo m | souris f | فأر m فئران | 老鼠 只
bear animal | bear | Bär m Bären w | orso m | ours m | دب m دببة | 熊 头
wolf animal | wolf wolves | Wolf m Wölfe | lupo m | loup m | ذئب m ذئاب | 狼 只
elephant animal | elephant | Elefant m Elefanten w | elefante m | éléphant m | فيل m فيلة | 大象 头
monkey animal | monkey | Affe m Affen w | scimmia f | singe m | قرد m قرود | 猴子 只
fox animal | fox | Fuchs m Füchse | volpe f | renard m | ثعلب m ثعالب! | 狐狸 只
rabbit animal | rabbit | Kaninchen n Kaninchen | coniglio m | lapin m | أرنب m أرانب! | 兔子 只
duck animal | duck | Ente f Enten | anatra f | canard m | بطة f بطات | 鸭子 只
camel animal | camel | Kamel n Kamele | cammello m | chameau m | جمل m جمال | 骆驼 头
donkey animal | donkey | Esel m Esel | asino m | âne m | حمار m حمير | 驴 头
snake animal | snake | Schlange f Schlangen | serpente m | serpent m | ثعبان m ثعابين! | 蛇 条
tiger animal | tiger | Tiger m Tiger | tigre f | tigre m | نمر m نمور | 老虎 只
frog animal | frog | Frosch m Frösche | rana f | grenouille f | ضفدع m ضفادع! | 青蛙 只
apple food | apple | Apfel m Äpfel | mela f | pomme f | تفاحة f تفاحات | 苹果 个
cake food | cake | Kuchen m Kuchen | torta f | gâteau m | كعكة f كعكات | 蛋糕 块
orange food | orange | Orange f Orangen | arancia f arance | orange f | برتقالة f برتقالات | 橙子 个
banana food | banana | Banane f Bananen | banana f | banane f | موزة f موزات | 香蕉 根
soup dish | soup | Suppe f Suppen | zuppa f | soupe f | شوربة f شوربات | 汤 碗
sandwich food | sandwich | Sandwich n Sandwichs | panino m | sandwich m | شطيرة f شطائر! | 三明治 个
lemon food | lemon | Zitrone f Zitronen | limone m | citron m | ليمونة f ليمونات | 柠檬 个
carrot food | carrot | Karotte f Karotten | carota f | carotte f | جزرة f جزرات | 胡萝卜 根
strawberry food | strawberry | Erdbeere f Erdbeeren | fragola f | fraise f | فراولة f فراولات | 草莓 颗
bread meal | bread | Brot n Brote | pane m | pain m | خبز m أخباز | 面包 块
rice meal | rice | Reis m Reise | riso m | riz m | أرز m أرز | 米饭 碗
meat meal | meat | Fleisch n Fleische | carne f | viande f | لحم m لحوم | 肉 块
cheese meal | cheese | Käse m Käse | formaggio m | fromage m | جبن m أجبان | 奶酪 块
honey meal | honey | Honig m Honige | miele m | miel m | عسل m أعسال | 蜂蜜 瓶
water drink | water | Wasser n Wasser | acqua f | eau f | ماء m مياه | 水 杯
milk drink | milk | Milch f Milch | latte m | lait m | حليب m حليب | 牛奶 杯
coffee drink | coffee | Kaffee m Kaffees | caffè m | café m | قهوة f قهوات | 咖啡 杯
tea drink | tea | Tee m Tees | tè m | thé m | شاي m شاي | 茶 杯
wine drink | wine | Wein m Weine | vino m | vin m | نبيذ m أنبذة | 葡萄酒 杯
juice drink | juice | Saft m Säfte | succo m succhi | jus m | عصير m عصائر! | 果汁 杯
book text | book | Buch n Bücher | libro m | livre m | كتاب m كتب | 书 本
letter text | letter | Brief m Briefe | lettera f | lettre f | رسالة f رسائل! | 信 封
story text | story | Geschichte f Geschichten | storia f | histoire f | قصة f قصص | 故事 个
newspaper text | newspaper | Zeitung f Zeitungen | giornale m | journal m | صحيفة f صحف | 报纸 份
article text | article | Artikel m Artikel | articolo m | article m | مقال m مقالات | 文章 篇
poem text | poem | Gedicht n Gedichte | poesia f | poème m | قصيدة f قصائد! | 诗歌 首
report text | report | Bericht m Berichte | rapporto m | rapport m | تقرير m تقارير! | 报告 份
magazine text | magazine | Zeitschrift f Zeitschriften | rivista f | magazine m | مجلة f مجلات | 杂志 本
dictionary text | dictionary | Wörterbuch n Wörterbücher | dizionario m | dictionnaire m | قاموس m قواميس! | 词典 本
key thing | key | Schlüssel m Schlüssel | chiave f | clé f | مفتاح m مفاتيح! | 钥匙 把
picture thing | picture | Bild n Bilder | quadro m | tableau m | لوحة f لوحات | 画 幅
bag thing | bag | Tasche f Taschen | borsa f | sac m | حقيبة f حقائب! | 包 个
watch thing | watch | Uhr f Uhren | orologio m | montre f | ساعة f ساعات | 手表 块
flower thing | flower | Blume f Blumen | fiore m | fleur f | زهرة f زهور | 花 朵
ball thing | ball | Ball m Bälle | palla f | ballon m | كرة f كرات | 球 个
lamp thing | lamp | Lampe f Lampen | lampada f | lampe f | مصباح m مصابيح! | 灯 盏
bottle thing | bottle | Flasche f Flaschen | bottiglia f | bouteille f | زجاجة f زجاجات | 瓶子 个
cup thing | cup | Tasse f Tassen | tazza f | tasse f | فنجان m فناجين! | 杯子 个
knife thing | knife knives | Messer n Messer | coltello m | couteau m | سكين m سكاكين! | 刀 把
box thing | box | Kiste f Kisten | scatola f | boîte f | صندوق m صناديق! | 箱子 个
gift thing | gift | Geschenk n Geschenke | regalo m | cadeau m | هدية f هدايا! | 礼物 份
pen thing | pen | Stift m Stifte | penna f | stylo m | قلم m أقلام | 笔 支
computer thing | computer | Computer m Computer | computer m computer | ordinateur m | حاسوب m حواسيب! | 电脑 台
umbrella thing | umbrella | Regenschirm m Regenschirme | ombrello m | parapluie m | مظلة f مظلات | 雨伞 把
mirror thing | mirror | Spiegel m Spiegel | specchio m | miroir m | مرآة f مرايا! | 镜子 个
ring thing | ring | Ring m Ringe | anello m | anneau m | خاتم m خواتم! | 戒指 枚
basket thing | basket | Korb m Körbe | cesto m | panier m | سلة f سلال | 篮子 个
candle thing | candle | Kerze f Kerzen | candela f | bougie f | شمعة f شموع | 蜡烛 根
guitar thing | guitar | Gitarre f Gitarren | chitarra f | guitare f | قيثارة f قيثارات | 吉他 把
camera thing | camera | Kamera f Kameras | fotocamera f | appareil m | كاميرا f كاميرات | 照相机 台
shirt clothes | shirt | Hemd n Hemden | camicia f camicie | chemise f | قميص m قمصان | 衬衫 件
coat clothes | coat | Mantel m Mäntel | cappotto m | manteau m | معطف m معاطف! | 大衣 件
dress clothes | dress | Kleid n Kleider | vestito m | robe f | فستان m فساتين! | 裙子 条
hat clothes | hat | Hut m Hüte | cappello m | chapeau m | قبعة f قبعات | 帽子 顶
table surface | table | Tisch m Tische | tavolo m | table f | طاولة f طاولات | 桌子 张
chair surface | chair | Stuhl m Stühle | sedia f | chaise f | كرسي m كراسي! | 椅子 把
bed surface | bed | Bett n Betten | letto m | lit m | سرير m أسرة | 床 张
bench surface | bench | Bank f Bänke | panchina f | banc m | مقعد m مقاعد! | 长凳 条
roof surface | roof | Dach n Dächer | tetto m | toit m | سقف m أسقف | 屋顶 个
bridge surface | bridge | Brücke f Brücken | ponte m | pont m | جسر m جسور | 桥 座
car vehicle | car | Auto n Autos | macchina f | voiture f | سيارة f سيارات | 汽车 辆
train vehicle | train | Zug m Züge | treno m | train m | قطار m قطارات | 火车 列
bicycle vehicle | bicycle | Fahrrad n Fahrräder | bicicletta f | vélo m | دراجة f دراجات | 自行车 辆
ship vehicle | ship | Schiff n Schiffe | nave f | bateau m | سفينة f سفن | 船 艘
bus vehicle | bus | Bus m Busse | autobus m autobus | bus m | حافلة f حافلات | 公交车 辆
house place | house | Haus n Häuser | casa f | maison f | بيت m بيوت | 房子 座
city place | city | Stadt f Städte | città f | ville f | مدينة f مدن | 城市 座
school place | school | Schule f Schulen | scuola f | école f | مدرسة f مدارس! | 学校 所
garden place | garden | Garten m Gärten | giardino m | jardin m | حديقة f حدائق! | 花园 个
village place | village | Dorf n Dörfer | villaggio m | village m | قرية f قرى! | 村庄 个
market place | market | Markt m Märkte | mercato m | marché m | سوق f أسواق | 市场 个
kitchen place | kitchen | Küche f Küchen | cucina f | cuisine f | مطبخ m مطابخ! | 厨房 间
hospital place | hospital | Krankenhaus n Krankenhäuser | ospedale m | hôpital m | مستشفى m مستشفيات | 医院 家
station place | station | Bahnhof m Bahnhöfe | stazione f | gare f | محطة f محطات | 车站 个
restaurant place | restaurant | Restaurant n Restaurants | ristorante m | restaurant m | مطعم m مطاعم! | 餐厅 家
library place | library | Bibliothek f Bibliotheken | biblioteca f | bibliothèque f | مكتبة f مكتبات | 图书馆 座
forest place | forest | Wald m Wälder | bosco m boschi | forêt f | غابة f غابات | 森林 片
office place | office | Büro n Büros | ufficio m | bureau m | مكتب m مكاتب! | 办公室 间
museum place | museum | Museum n Museen | museo m | musée m | متحف m متاحف! | 博物馆 座
hotel place | hotel | Hotel n Hotels | albergo m alberghi | hôtel m | فندق m فنادق! | 酒店 家
theatre place | theatre | Theater n Theater | teatro m | théâtre m | مسرح m مسارح! | 剧院 座
church place | church | Kirche f Kirchen | chiesa f | église f | كنيسة f كنائس! | 教堂 座
factory place | factory | Fabrik f Fabriken | fabbrica f | usine f | مصنع m مصانع! | 工厂 家
castle place | castle | Schloss n Schlösser | castello m | château m | قصر m قصور | 城堡 座
room place | room | Zimmer n Zimmer | camera f | chambre f | غرفة f غرف | 房间 个
river site | river | Fluss m Flüsse | fiume m | rivière f | نهر m أنهار | 河流 条
tree site | tree | Baum m Bäume | albero m | arbre m | شجرة f أشجار | 树 棵
mountain site | mountain | Berg m Berge | montagna f | montagne f | جبل m جبال | 山 座
door opening | door | Tür f Türen | porta f | porte f | باب m أبواب | 门 扇
window opening | window | Fenster n Fenster | finestra f | fenêtre f | نافذة f نوافذ! | 窗户 扇
question idea | question | Frage f Fragen | domanda f | question f | سؤال m أسئلة | 问题 个
answer idea | answer | Antwort f Antworten | risposta f | réponse f | جواب m أجوبة | 答案 个
name idea | name | Name m Namen w | nome m | nom m | اسم m أسماء | 名字 个
plan idea | plan | Plan m Pläne | piano m | plan m | خطة f خطط | 计划 个
secret idea | secret | Geheimnis n Geheimnisse | segreto m | secret m | سر m أسرار | 秘密 个
word idea | word | Wort n Wörter | parola f | mot m | كلمة f كلمات | 单词 个
song idea | song | Lied n Lieder | canzone f | chanson f | أغنية f أغنيات | 歌曲 首
""")

MASS = frozenset(entry.concept for entry in NOUNS.values() if {"meal", "drink"} & set(entry.kinds))
"""Nouns without an indefinite article or a plural: bread, water."""

HUMAN = frozenset(entry.concept for entry in NOUNS.values() if {"person", "family"} & set(entry.kinds))
"""Nouns for people: the relative pronoun in English, plural agreement in Arabic, 们 in Chinese."""
